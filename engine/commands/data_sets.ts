/** Public data sets that `ffn fetch` knows. */

/** A file of a data set. */
export interface DataFile {
  /** Below the folder, with forward slashes; a mirror has it under the same path. */
  readonly path: string;
  readonly url: string;
  readonly sha256: string;
}

/** A data set in parts that can be fetched by themselves. */
export interface DataSet {
  readonly description: string;
  readonly parts: Readonly<Record<string, readonly DataFile[]>>;
  /** Parts that are fetched where nothing else is said. */
  readonly usual: readonly string[];
}

const BUCKET = "https://storage.googleapis.com/ffn-flyem-fib25";
/** The reference's repository, at a state that cannot change. */
const REPOSITORY =
  "https://raw.githubusercontent.com/google/ffn/6f61f6e4b1ba09208ecd01bc93fc43aa7437d3fa";

const inBucket = (path: string, sha256: string): DataFile => ({
  path,
  url: `${BUCKET}/${path}`,
  sha256,
});

/**
 * FlyEM's FIB-25. Digests of checkpoint and result are those of the files in the repository; digests of the volumes are those
 * that torch-em's list of data sets records for the bucket.
 */
const FIB25: DataSet = {
  description: "FlyEM FIB-25, medulla of Drosophila at 10 nm: volumes, labels, published network",
  parts: {
    training: [
      inBucket(
        "training_sample2/grayscale_maps.h5",
        "ea031c98ee2de778a9a3a1e6d410df5de73e4ac28022df8e7255d84e3394cafa",
      ),
      inBucket(
        "training_sample2/groundtruth.h5",
        "fd508e7aee1fe51ac9ae0460db4a841d275236f013c1f2552314b4f21b1010ea",
      ),
    ],
    validation: [
      inBucket(
        "validation_sample/grayscale_maps.h5",
        "400ccb2a7268a3880c63656e0d794f8e6252e62031869455cc8caeef245b2a83",
      ),
      inBucket(
        "validation_sample/groundtruth.h5",
        "2c5e31af0af5476bc9669b88d01a4570a26eb020799eaf6131aa75f2f7d92e98",
      ),
    ],
    test: [
      inBucket(
        "tstvol-520-1/raw.h5",
        "0667e701c8b4464003d8a6cb0cf9deb2aa79fb415ec51deeac92e5f9c67a5a66",
      ),
      inBucket(
        "tstvol-520-1/groundtruth.h5",
        "ae61ae78a9874eb35ae8e5ed29b4cbfe7bbd07a61789ddb70aef4deb2532eb4e",
      ),
    ],
    model: [
      {
        path: "model/model.ckpt-27465036.data-00000-of-00001",
        url: `${REPOSITORY}/models/fib25/model.ckpt-27465036.data-00000-of-00001`,
        sha256: "a2910768255bbb1dc5be27a947e4107dd29ccd221646b676ec225981af5526f1",
      },
      {
        path: "model/model.ckpt-27465036.index",
        url: `${REPOSITORY}/models/fib25/model.ckpt-27465036.index`,
        sha256: "6c7b66baa8dae766907f86ca068517fedcfdd85fb7e322d05cd2401ab7b252cc",
      },
    ],
    result: [{
      path: "training_sample2/sample-training2.npz",
      url: `${REPOSITORY}/results/fib25/sample-training2.npz`,
      sha256: "78136f6f2ddeb761e190cbe142196e68904a44845ea38cd38f6c72e6978b1950",
    }],
  },
  usual: ["training", "validation", "model", "result"],
};

/** By name. */
export const DATA_SETS: Readonly<Record<string, DataSet>> = { fib25: FIB25 };
