/** Wire format of protocol buffers: the one place that names the library. */
export { BinaryReader, BinaryWriter, WireType } from "npm:@bufbuild/protobuf@2.17.0/wire";
