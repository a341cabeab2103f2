"""Generated C++ for some files of a FileDescriptorSet."""

def descriptor_set_cc_library(name, descriptors, files, grpc_files = [], deps = [], visibility = ["//visibility:public"]):
    """Message classes (and gRPC stubs) for `files`, which must hold their own dependencies but google/protobuf's.

    Args:
      name: the target's name.
      descriptors: label of a binary FileDescriptorSet.
      files: the .proto files to generate messages for.
      grpc_files: those of them whose services are wanted.
      deps: libraries of the messages that `files` import and this target does not generate.
      visibility: Bazel visibility.
    """
    stems = [f[:-len(".proto")] for f in files]
    grpc_stems = [f[:-len(".proto")] for f in grpc_files]
    hdrs = [s + ".pb.h" for s in stems] + [s + ".grpc.pb.h" for s in grpc_stems]
    srcs = [s + ".pb.cc" for s in stems] + [s + ".grpc.pb.cc" for s in grpc_stems]
    cmd = "protoc --descriptor_set_in=$(location %s) --cpp_out=$(RULEDIR) %s" % (descriptors, " ".join(files))
    if grpc_files:
        cmd += " && protoc --descriptor_set_in=$(location %s) --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin --grpc_out=$(RULEDIR) %s" % (descriptors, " ".join(grpc_files))
    native.genrule(
        name = name + "_gen",
        srcs = [descriptors],
        outs = srcs + hdrs,
        cmd = cmd,
    )
    native.cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        copts = ["-w"],
        includes = ["."],
        tags = ["grpc"] if grpc_files else [],
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"] + (["//third_party:grpc"] if grpc_files else []),
    )
