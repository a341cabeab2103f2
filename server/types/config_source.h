#pragma once

namespace google::protobuf {
class Message;
}

namespace signalbox {

// Whether what an `envoy.config.core.v3.ConfigSource` names comes over the stream that carries the
// source itself: `ads` or `self`, or a source that is not given. Files (`path`,
// `path_config_source`) and servers of their own
// (`api_config_source`) are no concern of this one.
bool ComesFromThisServer(const google::protobuf::Message& config_source);

}  // namespace signalbox
