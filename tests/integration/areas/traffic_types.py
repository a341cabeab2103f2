"""Secrets, runtime, extensions and scoped routes at a real Envoy, in both variants."""
import http.client
import json
import os
import ssl
import subprocess

import harness
from areas.traffic import agree, wait_synced
from harness import ADS, TYPE, Envoy, cluster, endpoints, expect, free_port, listener, route, wait_for

RUNTIME = """layered_runtime:
  layers:
  - name: ours
    rtds_layer: {name: ours, rtds_config: {ads: {}, resource_api_version: V3}}
"""


def certificate(t, name):
    """A certificate made for this test: (certificate, key) as PEM."""
    paths = [os.path.join(t.folder, name + end) for end in (".crt", ".key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=" + name, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return [open(path).read() for path in paths]


def secret(t, name):
    chain, key = certificate(t, name)
    return {"kind": "secret", "name": "server", "spec": {"tls_certificate": {
        "certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}}}


def fault(percent):
    return {"kind": "extension-config", "name": "fault", "spec": {"typed_config": {
        "@type": TYPE + "http.fault.v3.HTTPFault",
        "abort": {"http_status": 418, "percentage": {"numerator": percent}}}}}


def runtime(value):
    return {"kind": "runtime", "name": "ours", "spec": {"layer": {"signalbox.test": value}}}


def scope(name, key, route):
    return {"kind": "scoped-route", "name": name, "spec": {
        "route_configuration_name": route, "key": {"fragments": [{"string_key": key}]}}}


def scoped_listener(port):
    """TLS by a secret, an HTTP filter by an extension's configuration, routes by the scope that a header names."""
    made = listener("l", port, "unused")
    chain = made["spec"]["filter_chains"][0]
    config = chain["filters"][0]["typed_config"]
    del config["rds"]
    config["scoped_routes"] = {
        "name": "scopes", "rds_config_source": ADS, "scoped_rds": {"scoped_rds_config_source": ADS},
        "scope_key_builder": {"fragments": [{"header_value_extractor": {
            "name": "x-scope", "element_separator": ",", "index": 0}}]}}
    config["http_filters"].insert(0, {"name": "fault", "config_discovery": {
        "config_source": ADS, "type_urls": [TYPE + "http.fault.v3.HTTPFault"]}})
    chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "server", "sds_config": ADS}]}}}
    return made


def get(port, scope):
    """(status, body) of a request over TLS."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl._create_unverified_context())
    try:
        connection.request("GET", "/", headers={"x-scope": scope})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


def common_name(port):
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    done = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True, check=True)
    return done.stdout.strip().rpartition("=")[2].strip()


def of_envoy(envoy):
    return json.loads(harness.http("http://%s/runtime" % envoy.admin)[1])["entries"].get("signalbox.test", {}).get("final_value")


def every_type(t, variant):
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms"])
    ports = t.upstreams("blue", "green")
    port = free_port()
    node = "envoy-" + variant
    daemon.apply(scoped_listener(port), secret(t, "first.example"), fault(0), runtime("one"),
                 scope("s1", "blue", "r-blue"), route("r-blue", "blue"), cluster("blue"), endpoints("blue", ports["blue"]))
    envoy = Envoy(t, daemon, variant, node, RUNTIME)
    wait_synced(daemon, node)
    wait_for(lambda: get(port, "blue") == (200, "blue"), lambda: "the scope routes: %s" % (get(port, "blue"),))
    expect(common_name(port) == "first.example", "the certificate is %s" % common_name(port))
    expect(of_envoy(envoy) == "one", "the runtime value is %s" % of_envoy(envoy))

    # Each changes, one after the other.
    daemon.apply(secret(t, "second.example"))
    wait_for(lambda: common_name(port) == "second.example", lambda: "the new certificate: %s" % common_name(port))
    daemon.apply(runtime("two"))
    wait_for(lambda: of_envoy(envoy) == "two", lambda: "the new runtime value: %s" % of_envoy(envoy))
    daemon.apply(fault(100))
    wait_for(lambda: get(port, "blue")[0] == 418, lambda: "the filter has changed: %s" % (get(port, "blue"),))
    daemon.apply(fault(0))
    wait_for(lambda: get(port, "blue")[0] == 200, lambda: "and back: %s" % (get(port, "blue"),))
    expect(get(port, "green")[0] == 404, "a scope that is not there routes: %s" % (get(port, "green"),))
    daemon.apply(scope("s2", "green", "r-green"), route("r-green", "green"), cluster("green"),
                 endpoints("green", ports["green"]))
    wait_for(lambda: get(port, "green") == (200, "green"), lambda: "the new scope: %s" % (get(port, "green"),))

    # Each goes, after who refers to it.
    daemon.apply_once([], ["scoped-route/s1", "route/r-blue", "cluster/blue", "endpoints/blue"])
    wait_for(lambda: get(port, "blue")[0] == 404, lambda: "the scope is gone: %s" % (get(port, "blue"),))
    expect(get(port, "green") == (200, "green"), "the other scope: %s" % (get(port, "green"),))
    agree(daemon, envoy, node)
    wait_for(lambda: envoy.clusters() == ["green"], lambda: "the cluster is gone: %s" % envoy.clusters())
    daemon.apply_once([], ["listener/l", "secret/server", "extension-config/fault", "runtime/ours"])
    wait_for(lambda: envoy.listeners() == [], lambda: "the listener is gone: %s" % envoy.listeners())
    wait_synced(daemon, node)
    refused = {name: count for name, count in daemon.metrics().items() if "nacks" in name and count}
    expect(not refused, "Envoy refused something: %s" % refused)


def test_sotw(t):
    """SotW: secrets, runtime, extensions and scopes are made, changed and removed (XDS SDS, SRDS, RTDS, ECDS)"""
    every_type(t, "sotw")


def test_delta(t):
    """delta: the same"""
    every_type(t, "delta")
