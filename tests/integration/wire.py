"""Just enough protobuf to write discovery requests by hand and to read their answers."""


def field(number, value):
    """A length-delimited field: text, bytes or an embedded message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def fields(data):
    """Field number -> its values in order; numbers as int, length-delimited ones as bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        elif key & 7 == 2:
            length = number()
            value = data[at:at + length]
            at += length
        else:
            raise ValueError("wire type %d" % (key & 7))
        found.setdefault(key >> 3, []).append(value)
    return found


TYPE_URL = "type.googleapis.com/envoy."
CLUSTER = TYPE_URL + "config.cluster.v3.Cluster"
ENDPOINTS = TYPE_URL + "config.endpoint.v3.ClusterLoadAssignment"
ROUTE = TYPE_URL + "config.route.v3.RouteConfiguration"
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
SOTW, DELTA = ADS + "StreamAggregatedResources", ADS + "DeltaAggregatedResources"


def port_of(resource):
    """The port of the only endpoint of a ClusterLoadAssignment that stands in an Any."""
    told = fields(fields(resource)[2][0])
    for number in (2, 2, 1, 1, 1):  # endpoints, lb_endpoints, endpoint, address, socket_address
        told = fields(told[number][0])
    return told[3][0]


def node(node_id):
    return field(1, node_id)


def sotw_request(type_url, node_message=None, names=()):
    """A DiscoveryRequest."""
    message = field(2, node_message) if node_message is not None else b""
    return message + b"".join(field(3, name) for name in names) + field(4, type_url)


def sotw_answer(response, names=()):
    """The DiscoveryRequest that acknowledges this DiscoveryResponse."""
    told = fields(response)
    return field(1, told[1][0]) + b"".join(field(3, name) for name in names) + field(4, told[4][0]) + field(5, told[5][0])


def delta_answer(response):
    """The DeltaDiscoveryRequest that acknowledges this DeltaDiscoveryResponse."""
    told = fields(response)
    return field(2, told[4][0]) + field(6, told[5][0])


def delta_request(type_url, node_message=None, names=()):
    """A DeltaDiscoveryRequest."""
    message = field(1, node_message) if node_message is not None else b""
    return message + field(2, type_url) + b"".join(field(3, name) for name in names)
