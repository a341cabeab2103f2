#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/timers.h"
#include "server/fleet/fleet.h"
#include "server/snapshot/snapshot_cache.h"
#include "server/snapshot/snapshot_diff.h"
#include "server/snapshot/type_set_interner.h"
#include "server/xds/grpc/proxy_services.h"
#include "server/xds/grpc/xds_server.h"
#include "server/xds/load_reports.h"
#include "server/xds/load_stream.h"
#include "server/xds/name_set.h"
#include "server/xds/node_memory.h"
#include "server/xds/stream.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {

// Counts what streams tell. Safe from any thread.
class CountingObserver : public StreamObserver {
 public:
  void OnConnected(const ClientInfo& client, Variant variant) override { ++connected; }
  void OnDisconnected(const ClientInfo& client, Variant variant) override { ++disconnected; }
  void OnWrite(const ClientInfo& client, const Response& response) override { ++writes; }
  void OnEvent(const ClientInfo& client, const SessionEvent& event) override {}
  void OnRefused(absl::string_view node_id, const absl::Status& status) override { ++refused; }

  std::atomic<int> connected = 0;
  std::atomic<int> disconnected = 0;
  std::atomic<int> writes = 0;
  std::atomic<int> refused = 0;
};

// All that a daemon has around its proxies' port, over real sockets and with real time.
class Proxies {
 public:
  // `bodies` must outlive this object.
  explicit Proxies(XdsBodies* bodies, const StreamQuota::Bounds& bounds = {});
  ~Proxies();

  // Publishes exactly these.
  void Publish(const std::vector<XdsBodies::Spec>& specs);

  ProxyServices& services() { return *services_; }
  // A server in plaintext on a port of the system's choice, started at the first call.
  XdsServer& plaintext();

  const TypeRegistry& registry() const { return bodies_->registry(); }
  CountingObserver& observer() { return observer_; }
  const Fleet& fleet() const { return fleet_; }
  const LoadReports& loads() const { return loads_; }

 private:
  XdsBodies* const bodies_;
  SystemClock clock_;
  SystemRandom random_;
  DiffCache diffs_;
  TypeSetInterner sets_;
  NameSetInterner names_;
  NodeMemories memories_;
  Fleet fleet_{&clock_};
  SnapshotCache cache_;
  StreamQuota quota_;
  CountingObserver observer_;
  ThreadTimers timers_{&clock_};
  SessionContext session_context_;
  StreamContext stream_context_;
  LoadReports loads_;
  LoadContext load_context_;
  std::unique_ptr<ProxyServices> services_;
  int64_t revision_ = 0;
  std::unique_ptr<XdsServer> plaintext_;
};

// A client's stream, driven step by step: each call waits for its end, 20 s at most.
class RawStream {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method);
  ~RawStream();

  // False when the stream has ended.
  bool Send(const std::string& bytes);
  // The next message; none when the stream has ended.
  std::optional<std::string> Receive();
  // How it ended, as the server says; cancels it when it has not.
  grpc::Status Finish();
  // Sends no more; the server sees the end.
  void WritesDone();
  grpc::ClientContext& context() { return context_; }

 private:
  bool Wait();

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

std::shared_ptr<grpc::Channel> PlaintextChannelTo(const std::string& address);

}  // namespace signalbox::testing
