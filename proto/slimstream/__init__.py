"""The protobuf package of the protocol; generated code lives beside the .proto files."""
