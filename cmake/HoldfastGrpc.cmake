# The gRPC C++ stubs of etcd's API, for clients: the `holdfast` command and the loads that drive whole clusters.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)

set(proto_dir ${CMAKE_SOURCE_DIR}/holdfast/server/proto)
set(stub_dir ${CMAKE_BINARY_DIR}/generated/grpc)
file(MAKE_DIRECTORY ${stub_dir})
add_custom_command(
  OUTPUT ${stub_dir}/rpc.grpc.pb.cc ${stub_dir}/rpc.grpc.pb.h
  COMMAND protobuf::protoc --grpc_out=${stub_dir} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
          -I ${proto_dir} rpc.proto
  DEPENDS ${proto_dir}/rpc.proto ${proto_dir}/kv.proto ${proto_dir}/auth.proto
  VERBATIM)
add_library(holdfast_grpc_stubs STATIC ${stub_dir}/rpc.grpc.pb.cc)
target_include_directories(holdfast_grpc_stubs SYSTEM PUBLIC ${stub_dir})
target_link_libraries(holdfast_grpc_stubs PUBLIC holdfast_server_messages gRPC::grpc++)
