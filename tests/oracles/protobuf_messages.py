# Every message of the product through Google's own Python protobuf: accepted and refused texts, and random messages
# in text and binary. The schemas are written down a second time here, so that a wrong field number shows.
#
# requirements: protobuf==7.36.2
# writes: tests/fixtures/protobuf/
import json
import random
import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

TYPES = {"double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9}
VECTORS = "ffn.proto"
SCHEMAS = """
ffn.proto.Vector2d: double x=1, double y=2
ffn.proto.Vector2i: int32 x=1, int32 y=2
ffn.proto.Vector3d: double x=1, double y=2, double z=3
ffn.proto.Vector3f: float x=1, float y=2, float z=3
ffn.proto.Vector3j: int64 x=1, int64 y=2, int64 z=3
ffn.proto.Vector2dList: *Vector2d vectors=1
ffn.proto.Vector2iList: *Vector2i vectors=1
ffn.proto.Vector3dList: *Vector3d vectors=1
ffn.proto.Vector3fList: *Vector3f vectors=1
ffn.proto.Vector3jList: *Vector3j vectors=1
ffn.BoundingBox: Vector3j start=1, Vector3j size=2, string description=3, uint64 object_label=4
ffn.BoundingBoxes: *BoundingBox box=1
ffn.DecoratedVolume: string volinfo=1 in volume_path, string decorator_specs=2, string hdf5=3 in volume_path, string tensorstore=4 in volume_path
ffn.MaskChannelConfig: int32 channel=1, float min_value=2, float max_value=3, bool invert=4, *uint64 values=5
ffn.ImageMaskOptions: *MaskChannelConfig channels=1
ffn.VolumeMaskOptions: DecoratedVolume mask=1, *MaskChannelConfig channels=2
ffn.CoordinateExpressionOptions: string expression=1
ffn.MaskConfig: VolumeMaskOptions volume=1 in source, ImageMaskOptions image=2 in source, CoordinateExpressionOptions coordinate_expression=3 in source, bool invert=4
ffn.MaskConfigs: *MaskConfig masks=1
ffn.SegmentationSource: string directory=1, float threshold=2, bool split_cc=3, int32 min_size=4, MaskConfigs mask=5
ffn.InferenceOptions: float init_activation=1, float pad_value=2, float move_threshold=3, float consistency_threshold=4, float disco_seed_threshold=5, Vector3j min_boundary_dist=6, float segment_threshold=7, int32 min_segment_size=8
ffn.SelfPredictionOptions: float threshold=1, float orig_threshold=2
ffn.AlignmentOptions: AlignType type=1, bool save_raw=6
ffn.InferenceRequest: float image_mean=2, float image_stddev=3, string reference_histogram=4, *MaskConfig masks=5, DecoratedVolume shift_mask=6, int32 shift_mask_scale=7, int32 shift_mask_threshold=8, string movement_policy_name=9, string movement_policy_args=10, string model_name=11, string model_args=12, string model_checkpoint_path=13, InferenceOptions inference_options=14, string segmentation_output_dir=15, int32 checkpoint_interval=16, string seed_policy=17, SelfPredictionOptions self_prediction=18, string seed_policy_args=19, AlignmentOptions alignment_options=20, BoundingBox shift_mask_fov=22, DecoratedVolume image=24, DecoratedVolume init_segmentation=25, *MaskConfig histogram_masks=26, int32 batch_size=27, int32 concurrent_requests=28, *MaskConfig seed_masks=30
ffn.CounterValue: string name=1, int64 value=2
ffn.TaskCounters: *CounterValue counters=1, Vector3j point=2, string filename=3
ffn.ResegmentationPoint: uint64 id_a=1, uint64 id_b=2, Vector3j point=3
ffn.ResegmentationRequest: InferenceRequest inference=1, *ResegmentationPoint points=2, Vector3j radius=5, string output_directory=6, int32 subdir_digits=7, int32 max_retry_iters=8, Vector3j exclusion_radius=9, float segment_recovery_fraction=10, Vector3j init_exclusion_radius=11, bool terminate_early=12, Vector3j analysis_radius=13
ffn.ConsensusRequest: SegmentationSource segmentation1=1, SegmentationSource segmentation2=2, string segmentation_output_dir=3, ConsensusType type=4, int32 split_min_size=7
ffn.OverlapInfo: int32 num_overlapping=1, int32 num_original=2
ffn.EndpointResegmentationResult: uint64 id=1, Vector3j start=2, int32 num_voxels=3, map OverlapInfo overlaps=4, OverlapInfo source=5, Vector3j segmentation_radius=6, string tag=7
ffn.SegmentResult: Vector3j origin=1, int32 num_voxels=2, int32 deleted_voxels=3, float segment_a_consistency=4, float segment_b_consistency=5, float max_edt=6
ffn.EvalResult: Vector3j radius=1, float iou=2, SegmentResult from_a=3, SegmentResult from_b=4, float max_edt_a=5, float max_edt_b=6, int32 num_voxels_a=7, int32 num_voxels_b=8
ffn.PairResegmentationResult: Vector3j point=1, uint64 id_a=2, uint64 id_b=3, Vector3j segmentation_radius=4, string tag=5, EvalResult eval=6
"""
ENUMS = {
    "AlignType": {"UNKNOWN_ALIGNMENT": 0, "NO_ALIGNMENT": 1},
    "ConsensusType": {"CONSENSUS_SPLIT": 2},
}


def build():
    """Message classes by full name; vectors live in a package of their own."""
    files = {}
    for package in (VECTORS, "ffn"):
        proto = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
        if package == "ffn":
            proto.dependency.append(f"{VECTORS}.proto")
            for name, values in ENUMS.items():
                enum = proto.enum_type.add(name=name)
                for value, number in values.items():
                    enum.value.add(name=value, number=number)
        files[package] = proto
    for line in SCHEMAS.strip().split("\n"):
        full_name, fields = line.split(": ")
        package, name = full_name.rsplit(".", 1)
        message = files[package].message_type.add(name=name)
        for text in fields.split(", "):
            text, _, oneof = text.partition(" in ")
            is_map = text.startswith("map ")
            type_name, rest = text.removeprefix("map ").split(" ")
            field_name, number = rest.split("=")
            repeated = is_map or type_name.startswith("*")
            type_name = type_name.removeprefix("*")
            field = message.field.add(name=field_name, number=int(number), label=3 if repeated else 1)
            kind = lambda t: ("." + (VECTORS if t.startswith("Vector") else "ffn") + "." + t)
            if is_map:
                entry_name = field_name.capitalize() + "Entry"
                entry = message.nested_type.add(name=entry_name)
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, label=1, type=TYPES["uint64"])
                entry.field.add(name="value", number=2, label=1, type=11, type_name=kind(type_name))
                field.type, field.type_name = 11, f".{full_name}.{entry_name}"
            elif type_name in TYPES:
                field.type = TYPES[type_name]
            else:
                field.type = 14 if type_name in ENUMS else 11
                field.type_name = kind(type_name)
            if oneof:
                if not any(o.name == oneof for o in message.oneof_decl):
                    message.oneof_decl.add(name=oneof)
                field.oneof_index = [o.name for o in message.oneof_decl].index(oneof)
    pool = descriptor_pool.DescriptorPool()
    for proto in files.values():
        pool.Add(proto)
    names = [line.split(": ")[0] for line in SCHEMAS.strip().split("\n")]
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(n)) for n in names}


CLASSES = build()
BOX, REQUEST, MASK = "ffn.BoundingBox", "ffn.InferenceRequest", "ffn.MaskChannelConfig"
ALIGN, VOLUME, LIST = "ffn.AlignmentOptions", "ffn.DecoratedVolume", "ffn.proto.Vector3jList"

TEXTS = [(REQUEST, t) for t in [
    "", "# nothing\n  # at all", "image_mean: 1 # why", "image_mean 1", "image_mean { }", "image_mean: { }",
    "inference_options { pad_value: 0.05 }", "inference_options: { pad_value: 0.05 }",
    "inference_options < pad_value: 0.05 >", "inference_options: < pad_value: 0.05 >",
    "inference_options { pad_value: 0.05 >", "inference_options { pad_value: 0.05", "inference_options { } }",
    "image_mean: 1, image_stddev: 2; batch_size: 3", "image_mean: 1,, image_stddev: 2", "image_mean: 1;, batch_size: 1",
    "image_mean: 1;", ", image_mean: 1", "image_mean:1 image_stddev:2", "image_mean\n:\n1",
    "image_mean: 1 image_mean: 1", "image { hdf5: 'a' } image { hdf5: 'a' }", "inference_options {} inference_options {}",
    "imge { }", "Image_mean: 1", "imageMean: 1", "2: 1", "[ffn.extension]: 1", "image_mean: 1 = 2",
    "masks { } masks { }", "masks: [{ invert: true }, < >]", "masks [ { }, { } ]", "masks: []", "masks [{ },]",
    "masks: [{ } { }]", "masks: [{ }; { }]", "masks { channels { } }", "image_mean: [1]", "image: [{ }]",
    "batch_size: 10", "batch_size: 0x10", "batch_size: 0XaF", "batch_size: 010", "batch_size: 08", "batch_size: 00",
    "batch_size: 0", "batch_size: -0", "batch_size: -5", "batch_size: +5", "batch_size: - 5", "batch_size: + 5",
    "batch_size: -0x10", "batch_size: -010", "batch_size: 2147483647", "batch_size: 2147483648",
    "batch_size: -2147483648", "batch_size: -2147483649", "batch_size: 3.0", "batch_size: 1e3", "batch_size: 5x",
    "batch_size: x5", "batch_size: '5'", "batch_size:", "batch_size: 0x", "batch_size: --5", "batch_size: 5f",
    "image_mean: 1", "image_mean: .95", "image_mean: 9e-1", "image_mean: 1.5f", "image_mean: -1.5F", "image_mean: inf",
    "image_mean: Infinity", "image_mean: nan", "image_mean: NaN", "image_mean: -inf", "image_mean: -Infinity",
    "image_mean: infinit", "image_mean: 0x10", "image_mean: 010", "image_mean: 0.5", "image_mean: 00.5", "image_mean: 1.",
    "image_mean: .", "image_mean: 1e", "image_mean: 1e400", "image_mean: 1e39", "image_mean: 1e-60", "image_mean: - 1.5",
    "image_mean: +1.5", "image_mean: 1.5.5", "image_mean: 1,5", "image_mean: 0", "image_mean: -0", "image_mean: 0f",
    "image_mean: 9E+2", "image_mean: inff", "image_mean: true", "image_mean: 0.95", "image_mean: 3.4028235e38",
    "model_name: 'a' \"b\"", "model_name: 'a'\n  # between\n 'b'", "model_name: 'it\\'s' ' \"x\"'", "model_name: 'a\nb'",
    "model_name: 'a", "model_name: \"a'", "model_name: a", "model_name: ''", "model_name: '#no comment'",
    "model_name: '\\n\\t\\r\\\\\\\"\\''", "model_name: '\\a\\b\\f\\v'", "model_name: '\\x41\\x4a\\x4A'",
    "model_name: '\\x4'", "model_name: '\\x4z'", "model_name: '\\101\\7'", "model_name: '\\18'", "model_name: '\\400'",
    "model_name: '\\u00e9\\u20AC'", "model_name: '\\U0001F600'", "model_name: '\u00e9\u20ac'", "model_name: '\\303\\251'",
    "model_name: '\\xc3\\xa9'", "model_name: '\\xff'", "model_name: '\\303'", "model_name: 'a\\", "model_name: '\\'",
    "model_args: \"{\\\"depth\\\": 12}\"", "model_name: 'x' image_mean: 1", "model_name: 1",
]] + [(MASK, f"invert: {t}") for t in [
    "true", "false", "True", "False", "t", "f", "1", "0", "TRUE", "yes", "2", "01", "-1", "'true'", "T",
]] + [(MASK, t) for t in [
    "values: 1 values: 2", "values: [1, 2, 3]", "values: [1 2]", "values: [1,]", "values: []", "values [1]",
    "values: 18446744073709551615", "values: 18446744073709551616", "values: -1", "values: [0x10, 010]",
    "values: [1], values: 2;",
]] + [(ALIGN, f"type: {t}") for t in [
    "NO_ALIGNMENT", "UNKNOWN_ALIGNMENT", "1", "0", "2", "no_alignment", "'NO_ALIGNMENT'", "0x1",
]] + [(BOX, t) for t in [
    "start { x: 1 y: 2 z: 3 } size { x:10 y:20 z:30 }", "start { x: -5 } size: < x: 1 y: 1 z: 1 > object_label: 7",
    "start { x: 9223372036854775807 }", "start { x: 9223372036854775808 }", "start { x: -9223372036854775808 }",
    "size { x: 1.5 }", "start { w: 1 }",
]] + [(VOLUME, t) for t in [
    "hdf5: 'a:b'", "hdf5: 'a' volinfo: 'b'", "hdf5: 'a' hdf5: 'b'", "hdf5: 'a' decorator_specs: '[]'", "tensorstore: '{}'",
]] + [
    (LIST, "vectors { x: 1 } vectors { y: 2 }"),
    ("ffn.MaskConfig", "image { } coordinate_expression { expression: 'x > 1' }"),
    ("ffn.MaskConfig", "image { channels: [{ channel: 1 }] } invert: t"),
    ("ffn.EndpointResegmentationResult", "overlaps { key: 7 value { num_original: 3 } } overlaps { key: 7 }"),
    ("ffn.EndpointResegmentationResult", "overlaps: [{ key: 1 value < num_overlapping: 2 > }, { value { } key: 2 }]"),
    ("ffn.EndpointResegmentationResult", "overlaps { key: 7, key: 8 }"),
]


def text_case(name, text):
    message = CLASSES[name]()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        # The place is that of the token in question, or of the one before it; only the line is compared.
        return {"message": name, "text": text, "line": error.GetLine()}
    return {"message": name, "text": text, "hex": message.SerializeToString(deterministic=True).hex()}


FLOATS = [0.0, 1.0, 128.0, 33.25, 0.95, 1e20, 1e-7, 1e-4, 9.9e-5, 1e15, 1e16, 123456.789, 16777216.0, 0.1, 1 / 3,
          -2.5, float("inf"), float("-inf"), 3.4028234663852886e38, 1.401298464324817e-45, -0.0, 5e-324, 1e300]
STRINGS = ["", "a:b", "{\"a\": [1]}\n", "tab\t cr\r nul\0 del\x7f", "it's", "back\\slash", "\u00e9\u20ac\U0001f600"]


def random_value(field, rng):
    kind = field.cpp_type
    if kind == field.CPPTYPE_INT32:
        return rng.choice([0, 1, -1, 2**31 - 1, -2**31, rng.randrange(1000)])
    if kind == field.CPPTYPE_INT64:
        return rng.choice([0, -1, 2**63 - 1, -2**63, rng.randrange(10**6)])
    if kind == field.CPPTYPE_UINT64:
        return rng.choice([0, 2**64 - 1, 2**53 + 1, rng.randrange(10**6)])
    if kind == field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if kind == field.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    if kind == field.CPPTYPE_STRING:
        return rng.choice(STRINGS)
    value = rng.choice(FLOATS)
    if kind == field.CPPTYPE_FLOAT and abs(value) < 3.5e38:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    return value if kind == field.CPPTYPE_DOUBLE or value in (float("inf"), float("-inf")) else 1.0


def fill(message, rng):
    used = set()
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if rng.random() < 0.35 or (oneof and oneof.name in used):
            continue
        if oneof:
            used.add(oneof.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            fill(getattr(message, field.name)[rng.randrange(2**40)], rng)
        elif field.is_repeated:
            target = getattr(message, field.name)
            for _ in range(rng.randrange(1, 3)):
                target.append(random_value(field, rng)) if not field.message_type else fill(target.add(), rng)
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), rng)
        else:
            setattr(message, field.name, random_value(field, rng))


def message_case(name, rng):
    message = CLASSES[name]()
    fill(message, rng)
    text = text_format.MessageToString(message, as_utf8=False)
    return {"message": name, "text": text, "hex": message.SerializeToString(deterministic=True).hex()}


def write(name, cases):
    with open(f"tests/fixtures/protobuf/{name}.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


write("texts", [text_case(*case) for case in TEXTS])
RNG = random.Random(7)
write("messages", [message_case(name, RNG) for name in CLASSES for _ in range(3)])
