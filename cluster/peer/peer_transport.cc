// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/peer_transport.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/thread.h"
#include "pallet/internal/v1/peer.grpc.pb.h"

namespace pallet::cluster {
namespace {

namespace v1 = internal::v1;

// A frame takes no more, but always one packet.
constexpr uint64_t kFrameBytes = uint64_t{2} << 20;
constexpr int kMaxMessageBytes = 64 << 20;
constexpr absl::Duration kFirstRetry = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(1);

uint64_t BytesOf(const Packet& packet) {
  return sizeof(Packet) + packet.bytes.size() + packet.message.size();
}

void Encode(Packet packet, v1::Packet* out) {
  out->set_kind(static_cast<v1::PacketKind>(packet.kind));
  out->set_partition(packet.partition.value());
  out->set_from(packet.from.value());
  out->set_to(packet.to.value());
  out->set_payload(std::move(packet.bytes));
  out->set_snapshot(packet.snapshot);
  out->set_sequence(packet.sequence);
  out->set_last(packet.last);
  out->set_message(std::move(packet.message));
}

}  // namespace

absl::Status DecodePackets(const v1::PacketFrame& frame,
                           std::vector<Packet>* packets) {
  for (const v1::Packet& in : frame.packets()) {
    if (in.kind() < 0 || in.kind() > v1::PACKET_KIND_SNAPSHOT_TAKEN ||
        in.to() == 0 || in.from() == 0) {
      return absl::InvalidArgumentError("a packet is malformed");
    }
    Packet packet;
    packet.kind = static_cast<PacketKind>(in.kind());
    packet.partition = storage::PartitionId(in.partition());
    packet.from = ReplicaId(in.from());
    packet.to = ReplicaId(in.to());
    packet.bytes = in.payload();
    packet.snapshot = in.snapshot();
    packet.sequence = in.sequence();
    packet.last = in.last();
    packet.message = in.message();
    packets->push_back(std::move(packet));
  }
  return absl::OkStatus();
}

absl::Status CheckHello(const v1::Hello& hello, const std::string& incarnation,
                        const std::string& self) {
  if (hello.incarnation() != incarnation) {
    return absl::FailedPreconditionError("it is of another cluster");
  }
  if (hello.to_node() != self) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it looks for node ", absl::BytesToHexString(hello.to_node()),
        " and this is ", absl::BytesToHexString(self)));
  }
  return absl::OkStatus();
}

class PeerTransport::Peer {
 public:
  Peer(const PeerTransportOptions& options, std::string node)
      : options_(options), node_(std::move(node)) {
    thread_ = Thread("peer", [this] { Work(); });
  }

  void Send(Packet packet) {
    absl::MutexLock lock(&mutex_);
    bytes_ += BytesOf(packet);
    packets_.push_back(std::move(packet));
    while (bytes_ > options_.queue_bytes && packets_.size() > 1) {
      bytes_ -= BytesOf(packets_.front());
      packets_.pop_front();
      ++metrics_.packets_dropped;
    }
  }

  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }

  PeerMetrics metrics() const {
    absl::MutexLock lock(&mutex_);
    return metrics_;
  }

 private:
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !packets_.empty();
  }

  // The next frame; false at the end.
  bool Take(v1::PacketFrame* frame) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Peer::HasWork));
    if (stopping_) return false;
    uint64_t bytes = 0;
    while (!packets_.empty() && (bytes == 0 || bytes < kFrameBytes)) {
      bytes += BytesOf(packets_.front());
      Encode(std::move(packets_.front()), frame->add_packets());
      packets_.pop_front();
    }
    bytes_ -= std::min(bytes_, bytes);
    ++metrics_.frames_sent;
    metrics_.packets_sent += frame->packets_size();
    return true;
  }

  // Until the stream breaks, or the end.
  grpc::Status Stream(const std::string& address, bool* connected) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    // A channel of its own: gRPC would share a connection that is backing off.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
    const auto stub = v1::Peer::NewStub(channel);
    grpc::ClientContext context;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return grpc::Status::CANCELLED;
      context_ = &context;
    }
    v1::PacketsDone done;
    const auto writer = stub->Packets(&context, &done);
    v1::PacketFrame frame;
    frame.mutable_hello()->set_incarnation(options_.incarnation);
    frame.mutable_hello()->set_from_node(options_.self);
    frame.mutable_hello()->set_to_node(node_);
    // Hello first: one who is not meant is found out before it gets packets.
    while (writer->Write(frame)) {
      *connected = true;
      frame.Clear();
      if (!Take(&frame)) break;
    }
    writer->WritesDone();
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) context.TryCancel();
      context_ = nullptr;
    }
    return writer->Finish();
  }

  void Work() {
    absl::Duration retry = kFirstRetry;
    bool told = false;
    while (true) {
      const std::string address = options_.address_of(node_);
      bool connected = false;
      grpc::Status end(grpc::StatusCode::UNAVAILABLE,
                       "nobody knows where it is");
      if (!address.empty()) end = Stream(address, &connected);
      if (connected) {
        retry = kFirstRetry;
        told = false;
      }
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      if (!told) {
        options_.logger->Warning("peer.unreachable",
                                 {{"node", absl::BytesToHexString(node_)},
                                  {"address", address},
                                  {"error", end.error_message()}});
        told = true;
      }
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), retry)) return;
      retry = std::min(2 * retry, kLongestRetry);
    }
  }

  const PeerTransportOptions& options_;
  const std::string node_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::deque<Packet> packets_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  PeerMetrics metrics_ ABSL_GUARDED_BY(mutex_);
  Thread thread_;
};

PeerTransport::PeerTransport(PeerTransportOptions options)
    : options_(std::move(options)) {}

PeerTransport::~PeerTransport() { Stop(); }

void PeerTransport::Send(Packet packet) {
  const std::string node = options_.node_of(packet.partition, packet.to);
  if (node.empty() || node == options_.self) return;
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  std::unique_ptr<Peer>& peer = peers_[node];
  if (peer == nullptr) peer = std::make_unique<Peer>(options_, node);
  peer->Send(std::move(packet));
}

void PeerTransport::Stop() {
  std::map<std::string, std::unique_ptr<Peer>> peers;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    peers.swap(peers_);
  }
  for (auto& [node, peer] : peers) peer->Stop();
}

PeerMetrics PeerTransport::metrics() const {
  absl::MutexLock lock(&mutex_);
  PeerMetrics sum;
  for (const auto& [node, peer] : peers_) {
    const PeerMetrics one = peer->metrics();
    sum.packets_sent += one.packets_sent;
    sum.frames_sent += one.frames_sent;
    sum.packets_dropped += one.packets_dropped;
  }
  return sum;
}

}  // namespace pallet::cluster
