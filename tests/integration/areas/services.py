"""What proxies may use beside ADS in plaintext: a service for each type, REST, load reports, TLS."""
import json
import os
import signal
import subprocess

from areas.traffic import agree, wait_synced
from harness import (TYPE, Daemon, Envoy, Traffic, cluster, endpoints, expect, free_port, http, route, wait_for)

XDS = "signalbox"  # the bootstrap's cluster that leads to the daemon


def static_cluster(name, address, http2, transport_socket=None):
    host, _, port = address.rpartition(":")
    result = {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": {
        "cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
            "address": host, "port_value": int(port)}}}}]}]}}
    if http2:
        result["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}
    if transport_socket:
        result["transport_socket"] = transport_socket
    return result


def grpc_source(api_type):
    return {"api_config_source": {"api_type": api_type, "transport_api_version": "V3",
                                  "grpc_services": [{"envoy_grpc": {"cluster_name": XDS}}]},
            "resource_api_version": "V3"}


def rest_source():
    return {"api_config_source": {"api_type": "REST", "transport_api_version": "V3", "cluster_names": [XDS],
                                  "refresh_delay": "0.2s", "request_timeout": "2s"},
            "resource_api_version": "V3"}


def bootstrap(node_id, source, static, **more):
    return json.dumps({
        "node": {"id": node_id, "cluster": "test"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "static_resources": {"clusters": [static]},
        "dynamic_resources": {"lds_config": source, "cds_config": source},
        # A change of endpoints goes through at once.
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {}}]}, **more})


def listener_over(source, name, port, route_name):
    return {"kind": "listener", "name": name, "spec": {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "ingress",
                "rds": {"route_config_name": route_name, "config_source": source},
                "http_filters": [{"name": "envoy.filters.http.router",
                                  "typed_config": {"@type": TYPE + "http.router.v3.Router"}}]}}]}]}}


def cluster_over(source, name, connect_timeout="1s"):
    return {"kind": "cluster", "name": name, "spec": {
        "type": "EDS", "connect_timeout": connect_timeout, "eds_cluster_config": {"eds_config": source}}}


def serve_over(t, daemon, source):
    """(upstreams' ports, the listener's port) of a listener to `blue`; `green` is there too."""
    ports = t.upstreams("blue", "green", "third")
    port = free_port()
    # Resources name the bootstrap's cluster, which the daemon cannot know otherwise; a proxy keeps its own.
    daemon.apply(static_cluster_resource(daemon.xds), listener_over(source, "first", port, "first"),
                 route("first", "blue"), cluster_over(source, "blue"), cluster_over(source, "green"),
                 endpoints("blue", ports["blue"]), endpoints("green", ports["green"]))
    return ports, port


def static_cluster_resource(address):
    spec = static_cluster(XDS, address, True)
    return {"kind": "cluster", "name": XDS, "spec": spec}


def separate_services(t, api_type, node):
    daemon = t.daemon()
    source = grpc_source(api_type)
    ports, port = serve_over(t, daemon, source)
    envoy = Envoy(t, daemon, None, node, bootstrap_text=bootstrap(node, source, static_cluster(XDS, daemon.xds, True)))
    traffic = Traffic(t, "main", port, 300, ["failed", "blue"])
    traffic.wait_until("blue")
    streams = {name: value for name, value in daemon.metrics().items() if name.startswith("signalbox_streams{")}
    # Clusters, listeners, the route, and the endpoints of each cluster: Envoy asks for each on a stream of its own.
    expect(sum(streams.values()) == 5, "the streams are %s" % streams)
    rounds = 20 if t.long else 5
    for i in range(rounds):
        traffic.change(lambda: daemon.apply(route("first", "green")), "blue", "green")
        traffic.change(lambda: daemon.apply(endpoints("green", ports["third"])), "green", "third")
        traffic.expect_from_now("third")
        daemon.apply(cluster_over(source, "green", "%ds" % (i + 2)))
        acked = lambda: envoy.stats("^cluster_manager.cluster_modified$").get("cluster_manager.cluster_modified") == i + 1  # noqa: E731
        wait_for(acked, lambda: "Envoy has the changed cluster: %s" % envoy.stats("^cluster_manager"))
        traffic.wait_until("third")
        traffic.change(lambda: daemon.apply(endpoints("green", ports["green"])), "third", "green")
        traffic.change(lambda: daemon.apply(route("first", "blue")), "green", "blue")
    while len(traffic.results) < 2000:
        traffic.wait_for_requests(100)
    count, _ = traffic.stop()
    t.figures.append("%d requests" % count)
    refused = {name: value for name, value in envoy.stats("update_rejected$").items() if value}
    expect(not refused, "Envoy refused something: %s" % refused)
    agree(daemon, envoy, node, static=1)


def test_separate_sotw(t):
    """SotW on a service for each type: changes of one type each, under traffic, and no request fails"""
    separate_services(t, "GRPC", "separate-sotw")


def test_separate_delta(t):
    """delta on a service for each type: the same"""
    separate_services(t, "DELTA_GRPC", "separate-delta")


def test_rest(t):
    """REST: Envoy polls, follows what changes, and is told when it has everything"""
    daemon = t.daemon()
    source = rest_source()
    ports, port = serve_over(t, daemon, source)
    envoy = Envoy(t, daemon, None, "rest", bootstrap_text=bootstrap("rest", source, static_cluster(XDS, daemon.http, False)))
    traffic = Traffic(t, "main", port, 100, ["failed", "blue"])
    traffic.wait_until("blue", 30)
    traffic.change(lambda: daemon.apply(route("first", "green")), "blue", "green")
    traffic.change(lambda: daemon.apply(endpoints("green", ports["third"])), "green", "third")
    traffic.stop()
    refused = {name: value for name, value in envoy.stats("update_rejected$").items() if value}
    expect(not refused, "Envoy refused something: %s" % refused)

    def answered(status):
        return daemon.metrics().get('signalbox_rest_answers_total{status="%d"}' % status, 0)
    wait_for(lambda: answered(304) > 10, "Envoy is told that it has everything")
    told = {status: answered(status) for status in (200, 304, 400, 403, 404, 500, 503)}
    expect(told[200] >= 6 and not any(told[status] for status in (400, 403, 404, 500, 503)),
           "answers by status: %s" % told)
    t.figures.append("%d answers, %d of them 304" % (sum(told.values()), told[304]))


def test_rest_statuses(t):
    """REST over a real socket: 200, 304, 400, 403, 404, 405 and 415"""
    daemon = t.daemon()
    daemon.apply(cluster("a"), endpoints("a", 1))

    def post(path, body, content_type="application/json"):
        return http("http://%s/v3/discovery:%s" % (daemon.http, path), "POST", body=body,
                    headers={"Content-Type": content_type})
    node = '"node": {"id": "n"}'
    status, body = post("clusters", "{%s}" % node)
    answer = json.loads(body)
    expect(status == 200 and [r["name"] for r in answer["resources"]] == ["a"], "answered %d: %s" % (status, body))
    for key in ("version_info", "versionInfo"):
        status, body = post("clusters", '{%s, "%s": "%s"}' % (node, key, answer["version_info"]))
        expect((status, body) == (304, ""), "answered %d: %s" % (status, body))
    for path, body, content_type, wanted in (
            ("clusters", "{", "application/json", 400), ("clusters", "{}", "application/json", 400),
            ("secrets", "{%s}" % node, "application/json", 403), ("nowhere", "{%s}" % node, "application/json", 404),
            ("clusters", "{%s}" % node, "text/plain", 415)):
        status, text = post(path, body, content_type)
        expect(status == wanted, "%s %s answered %d: %s" % (path, body, status, text))
    expect(http("http://%s/v3/discovery:clusters" % daemon.http)[0] == 405, "GET is answered by something else")


def test_load_reports(t):
    """LRS: Envoy reports the load of each cluster, and /metrics agrees with what was sent"""
    daemon = t.daemon(arguments=["--xds.load-interval", "1s"])
    source = grpc_source("DELTA_GRPC")
    ports, port = serve_over(t, daemon, source)
    envoy = Envoy(t, daemon, None, "reporter", bootstrap_text=bootstrap(
        "reporter", source, static_cluster(XDS, daemon.xds, True),
        cluster_manager={"load_stats_config": source["api_config_source"]}))
    wait_for(lambda: daemon.metrics().get("signalbox_load_streams") == 1, "Envoy reports its load")
    wait_for(lambda: envoy.listeners() == ["first"], "Envoy has what it should have")
    # What was sent before Envoy reports of a cluster for the first time it leaves out.
    before = daemon.metrics()["signalbox_load_reports_total"]
    wait_for(lambda: daemon.metrics()["signalbox_load_reports_total"] >= before + 2, "Envoy reports of all its clusters")
    traffic = Traffic(t, "main", port, 100, ["failed", "blue"])
    traffic.wait_until("blue", 30)
    traffic.wait_for_requests(200)
    traffic.stop()
    # One or two may have been under way at the end: Envoy itself counts those as well.
    sent = envoy.stats("^cluster.blue.upstream_rq_total$")["cluster.blue.upstream_rq_total"]
    expect(sent >= sum(answer == "blue" for _, _, answer in traffic.results), "Envoy sent %d requests" % sent)

    def reported(what):
        return daemon.metrics().get('signalbox_load_%s_total{cluster="blue",locality=""}' % what, 0)
    wait_for(lambda: reported("issued_requests") == sent,
             lambda: "%d requests are reported: %s" % (sent, reported("issued_requests")), 20)
    expect(reported("successful_requests") >= sent - 2 and reported("failed_requests") <= 2,
           "%d successful, %d failed" % (reported("successful_requests"), reported("failed_requests")))
    t.figures.append("%d requests" % sent)


class Certificates:
    """An authority of the test's and what it signs, made by openssl."""

    def __init__(self, t, name):
        self.folder = os.path.join(t.folder, name)
        os.makedirs(self.folder)
        self.ca = os.path.join(self.folder, "ca.pem")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=" + name, "-keyout", "ca.key", "-out", "ca.pem")

    def issue(self, name, days=2):
        """(certificate, key): paths of the files."""
        with open(os.path.join(self.folder, "ext"), "w") as f:
            f.write("subjectAltName=DNS:localhost,IP:127.0.0.2\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                      "-keyout", name + ".key", "-out", name + ".csr")
        self._openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-extfile", "ext", "-out", name + ".pem")
        return os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
        expect(done.returncode == 0, "openssl %s: %s" % (" ".join(arguments), done.stderr))


def install(pair, folder):
    """Puts a certificate and its key where the daemon reads them, each whole."""
    for source, name in zip(pair, ("cert.pem", "key.pem")):
        with open(source) as f, open(os.path.join(folder, name + ".new"), "w") as out:
            out.write(f.read())
        os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))


def tls_socket(trusted, own):
    return {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "localhost", "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [{"certificate_chain": {"filename": own[0]}, "private_key": {"filename": own[1]}}],
            "validation_context": {"trusted_ca": {"filename": trusted}, "match_typed_subject_alt_names": [
                {"san_type": "DNS", "matcher": {"exact": "localhost"}}]}}}}


def tls_arguments(folder, client_ca):
    return ["--xds.tls.cert", os.path.join(folder, "cert.pem"), "--xds.tls.key", os.path.join(folder, "key.pem"),
            "--xds.tls.client-ca", client_ca]


def test_tls(t):
    """mTLS: proxies of the authority are served, and changed certificates drop no stream"""
    servers, clients, next_servers = (Certificates(t, name) for name in ("servers", "clients", "next"))
    folder = os.path.join(t.folder, "tls")
    os.makedirs(folder)
    install(servers.issue("server"), folder)
    daemon = t.daemon(arguments=tls_arguments(folder, clients.ca))
    source = grpc_source("DELTA_GRPC")
    ports, port = serve_over(t, daemon, source)

    def envoy(name, trusted, own):
        return Envoy(t, daemon, None, name, bootstrap_text=bootstrap(
            name, source, static_cluster(XDS, daemon.xds, True, tls_socket(trusted, own))))
    first = envoy("first", servers.ca, clients.issue("first"))
    traffic = Traffic(t, "main", port, 100, ["failed", "blue"])
    traffic.wait_until("blue")

    # A proxy of somebody else's is not let in.
    stranger = envoy("stranger", servers.ca, servers.issue("stranger"))
    failed = "cluster.%s.upstream_cx_connect_fail|cluster.%s.upstream_cx_destroy" % (XDS, XDS)
    wait_for(lambda: sum(stranger.stats(failed).values()) > 0, "the stranger is refused")
    expect("stranger" not in daemon.nodes(), "the stranger is connected")

    # Half of a change is not taken; the whole of it is, at once on SIGHUP, and nobody is disconnected.
    connections = first.stats("^cluster.%s.upstream_cx_total$" % XDS)
    issued = next_servers.issue("server")
    install((os.path.join(folder, "cert.pem"), issued[1]), folder)
    daemon.process.signal(signal.SIGHUP)
    wait_for(lambda: "is not the key of the certificate" in daemon.process.output(), "the daemon says what is wrong")
    install(issued, folder)
    daemon.process.signal(signal.SIGHUP)
    second = envoy("second", next_servers.ca, clients.issue("second"))
    wait_for(lambda: "second" in daemon.nodes(), "a proxy that trusts the new certificate is served")
    # It shares the first one's port, and answers as that does.
    traffic.change(lambda: daemon.apply(route("first", "green")), "blue", "green")
    expect(first.stats("^cluster.%s.upstream_cx_total$" % XDS) == connections,
           "the first proxy connected again: %s" % first.stats("^cluster.%s.upstream_cx" % XDS))
    expect(second.process.alive() and first.process.alive(), "a proxy ended")
    traffic.stop()
    expiry = daemon.metrics().get('signalbox_tls_cert_expiry_timestamp_seconds{name="xds"}', 0)
    expect(expiry > 0, "the certificate's expiry is not in the metrics")


def test_tls_bootstrap(t):
    """an Envoy that starts with what `bootstrap envoy` prints for TLS is served, and one with another authority is not"""
    servers, clients = (Certificates(t, name) for name in ("servers", "clients"))
    folder = os.path.join(t.folder, "tls")
    os.makedirs(folder)
    install(servers.issue("server"), folder)
    daemon = t.daemon(arguments=tls_arguments(folder, clients.ca))

    def envoy(name, trusted):
        own = clients.issue(name)
        printed = t.cli("bootstrap", "envoy", "--node-id", name, "--xds", daemon.xds, "--tls-ca", trusted,
                        "--tls-cert", own[0], "--tls-key", own[1]).stdout
        return Envoy(t, daemon, None, name, bootstrap_text=printed)
    stranger = envoy("stranger", clients.ca)
    daemon.apply(cluster("blue"), endpoints("blue", free_port()))
    served = envoy("served", servers.ca)
    wait_synced(daemon, "served")
    expect(served.clusters() == ["blue"], "the cluster is there: %s" % served.clusters())
    wait_for(lambda: stranger.stats("cluster.signalbox.ssl.fail_verify")["cluster.signalbox.ssl.fail_verify_error"] > 0,
             lambda: "the certificate is not trusted: %s" % stranger.stats("cluster.signalbox.ssl"))
    expect("stranger" not in daemon.nodes(), "the stranger is connected")


def test_tls_files(t):
    """what is wrong with the files of a certificate is told at the start, with the option and the file"""
    authority = Certificates(t, "authority")
    pair, other = authority.issue("server"), authority.issue("other")
    missing = os.path.join(t.folder, "missing.pem")
    for cert, key, words in ((missing, pair[1], ("xds.tls.cert", missing)),
                             (pair[0], missing, ("xds.tls.key", missing)),
                             (pair[1], pair[1], ("xds.tls.cert", "no certificate")),
                             (pair[0], other[1], ("xds.tls.key", "not the key"))):
        daemon = Daemon(t, "daemon-%d" % free_port())
        result = t.cli(*daemon.command()[1:], "--xds.tls.cert", cert, "--xds.tls.key", key, expected=None)
        expect(result.returncode not in (0, 8), "exited with %d" % result.returncode)
        for word in words:
            expect(word in result.stderr, "%s is not named: %s" % (word, result.stderr))
    # With TLS it may listen everywhere.
    daemon = Daemon(t, "everywhere", ["--xds.tls.cert", pair[0], "--xds.tls.key", pair[1]])
    daemon.xds = "0.0.0.0:0"
    daemon.start()
    expect(daemon.stop() == 0, "it did not end cleanly")
