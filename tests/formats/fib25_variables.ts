/** `name, type, shape, offset, size, masked CRC` of each variable of the FIB-25 checkpoint (spec/formats.md §4.7). */
export const VARIABLES: readonly string[] = `
filter_coordinates_close_to_boundary/fraction int64 [2] 0 16 bfab3c87
filter_out_bounds_coordinates/fraction int64 [2] 16 16 ce829350
filter_out_bounds_coordinates_1/fraction int64 [2] 32 16 e1ccd992
global_step int32 [] 48 4 21f7b994
seed_update/conv0_a/biases float32 [32] 52 128 fbca0fd8
seed_update/conv0_a/weights float32 [3, 3, 3, 2, 32] 180 6912 85d4e066
seed_update/conv0_b/biases float32 [32] 7092 128 20d011c6
seed_update/conv0_b/weights float32 [3, 3, 3, 32, 32] 7220 110592 f043271c
seed_update/conv10_a/biases float32 [32] 117812 128 e5431f19
seed_update/conv10_a/weights float32 [3, 3, 3, 32, 32] 117940 110592 f4c17b19
seed_update/conv10_b/biases float32 [32] 228532 128 3f8ed539
seed_update/conv10_b/weights float32 [3, 3, 3, 32, 32] 228660 110592 49693667
seed_update/conv11_a/biases float32 [32] 339252 128 0a523cb0
seed_update/conv11_a/weights float32 [3, 3, 3, 32, 32] 339380 110592 ae2e25b9
seed_update/conv11_b/biases float32 [32] 449972 128 13816db4
seed_update/conv11_b/weights float32 [3, 3, 3, 32, 32] 450100 110592 6d0ac59d
seed_update/conv1_a/biases float32 [32] 560692 128 cad53288
seed_update/conv1_a/weights float32 [3, 3, 3, 32, 32] 560820 110592 f44c4cda
seed_update/conv1_b/biases float32 [32] 671412 128 7c259968
seed_update/conv1_b/weights float32 [3, 3, 3, 32, 32] 671540 110592 2ec423f6
seed_update/conv2_a/biases float32 [32] 782132 128 82bd5ef8
seed_update/conv2_a/weights float32 [3, 3, 3, 32, 32] 782260 110592 6927a495
seed_update/conv2_b/biases float32 [32] 892852 128 9405848a
seed_update/conv2_b/weights float32 [3, 3, 3, 32, 32] 892980 110592 45532043
seed_update/conv3_a/biases float32 [32] 1003572 128 d5739188
seed_update/conv3_a/weights float32 [3, 3, 3, 32, 32] 1003700 110592 55225dca
seed_update/conv3_b/biases float32 [32] 1114292 128 d598b9e0
seed_update/conv3_b/weights float32 [3, 3, 3, 32, 32] 1114420 110592 82390f64
seed_update/conv4_a/biases float32 [32] 1225012 128 5cd8fe2b
seed_update/conv4_a/weights float32 [3, 3, 3, 32, 32] 1225140 110592 7bc17b7f
seed_update/conv4_b/biases float32 [32] 1335732 128 bff35500
seed_update/conv4_b/weights float32 [3, 3, 3, 32, 32] 1335860 110592 7a29cf2d
seed_update/conv5_a/biases float32 [32] 1446452 128 b79ae433
seed_update/conv5_a/weights float32 [3, 3, 3, 32, 32] 1446580 110592 83fd8f82
seed_update/conv5_b/biases float32 [32] 1557172 128 af51e795
seed_update/conv5_b/weights float32 [3, 3, 3, 32, 32] 1557300 110592 4105099e
seed_update/conv6_a/biases float32 [32] 1667892 128 817c561d
seed_update/conv6_a/weights float32 [3, 3, 3, 32, 32] 1668020 110592 f66abad6
seed_update/conv6_b/biases float32 [32] 1778612 128 3cc745b3
seed_update/conv6_b/weights float32 [3, 3, 3, 32, 32] 1778740 110592 3e0f8772
seed_update/conv7_a/biases float32 [32] 1889332 128 0d96ee6d
seed_update/conv7_a/weights float32 [3, 3, 3, 32, 32] 1889460 110592 802747ae
seed_update/conv7_b/biases float32 [32] 2000052 128 fde2e2fe
seed_update/conv7_b/weights float32 [3, 3, 3, 32, 32] 2000180 110592 2f288632
seed_update/conv8_a/biases float32 [32] 2110772 128 40c1a6d4
seed_update/conv8_a/weights float32 [3, 3, 3, 32, 32] 2110900 110592 b7b54573
seed_update/conv8_b/biases float32 [32] 2221492 128 a7fe08cd
seed_update/conv8_b/weights float32 [3, 3, 3, 32, 32] 2221620 110592 341138ac
seed_update/conv9_a/biases float32 [32] 2332212 128 5de138a8
seed_update/conv9_a/weights float32 [3, 3, 3, 32, 32] 2332340 110592 293192a1
seed_update/conv9_b/biases float32 [32] 2442932 128 0af957e8
seed_update/conv9_b/weights float32 [3, 3, 3, 32, 32] 2443060 110592 8d3aff54
seed_update/conv_lom/biases float32 [1] 2553652 4 77866531
seed_update/conv_lom/weights float32 [1, 1, 1, 32, 1] 2553656 128 a17252fa
`.trim().split("\n");
