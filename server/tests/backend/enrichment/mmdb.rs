//! A writer of small [MaxMind DBs](https://maxmind.github.io/MaxMind-DB/): the tests need files of the format, and none
//! of what others put into them.

use std::net::IpAddr;

use ipnet::IpNet;

/// What a node leads to on one side.
#[derive(Clone, Copy)]
enum To {
    Nothing,
    Node(usize),
    /// Where in the data section.
    Data(usize),
}

/// The bits of an entry of a node: the format has these three.
pub(crate) const RECORD_SIZES: [u16; 3] = [24, 28, 32];

/// A database.
pub(crate) struct Mmdb {
    version: u16,
    record_size: u16,
    nodes: Vec<[To; 2]>,
    data: Vec<u8>,
}

impl Mmdb {
    /// One of IPv4 (4), or of IPv6 with IPv4 in it (6), with nothing in it.
    pub(crate) fn new(version: u16, record_size: u16) -> Self {
        Self {
            version,
            record_size,
            nodes: vec![[To::Nothing; 2]],
            data: Vec::new(),
        }
    }

    /// One of countries, as those that are sold have it.
    pub(crate) fn of_countries(networks: &[(&str, &str)]) -> Self {
        let mut database = Self::new(6, 28);
        for (network, country) in networks {
            database = database.country(network, country);
        }
        database
    }

    pub(crate) fn country(self, network: &str, country: &str) -> Self {
        let country = map(&[("iso_code", text(country)), ("geoname_id", number(7))]);
        self.put(network, &map(&[("country", country)]))
    }

    pub(crate) fn asn(self, network: &str, asn: u32) -> Self {
        let name = text("Example");
        let fields = [
            ("autonomous_system_number", number(asn)),
            ("autonomous_system_organization", name),
        ];
        self.put(network, &map(&fields))
    }

    /// Sets what is known of a network that overlaps no other.
    fn put(mut self, network: &str, record: &[u8]) -> Self {
        let data = To::Data(self.data.len());
        self.data.extend_from_slice(record);
        let (bits, length) = self.bits(network.parse().unwrap());
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            node = match self.nodes[node][side] {
                _ if depth + 1 == length => {
                    self.nodes[node][side] = data;
                    return self;
                }
                To::Node(next) => next,
                To::Nothing => {
                    self.nodes.push([To::Nothing; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = To::Node(next);
                    next
                }
                To::Data(_) => panic!("{network} overlaps another"),
            };
        }
        panic!("{network} is everything");
    }

    /// The network's address, from the first bit on, and how many of its bits count.
    fn bits(&self, network: IpNet) -> (u128, u8) {
        match (network.addr(), self.version) {
            (IpAddr::V4(ip), 4) => (u128::from(u32::from(ip)) << 96, network.prefix_len()),
            (IpAddr::V4(ip), _) => (u32::from(ip).into(), 96 + network.prefix_len()),
            (IpAddr::V6(ip), _) => (ip.into(), network.prefix_len()),
        }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let entry = |to: To| match to {
            To::Nothing => count,
            To::Node(node) => node,
            // The data section follows 16 bytes of zero.
            To::Data(at) => count + 16 + at,
        };
        let mut bytes = Vec::new();
        for [left, right] in &self.nodes {
            let [left, right] = [*left, *right].map(|to| u32::try_from(entry(to)).unwrap());
            let ([l0, l1, l2, l3], [r0, r1, r2, r3]) = (left.to_be_bytes(), right.to_be_bytes());
            match self.record_size {
                24 => bytes.extend([l1, l2, l3, r1, r2, r3]),
                28 => bytes.extend([l1, l2, l3, (l0 << 4) | r0, r1, r2, r3]),
                _ => bytes.extend([l0, l1, l2, l3, r0, r1, r2, r3]),
            }
        }
        bytes.extend([0; 16]);
        bytes.extend(&self.data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(map(&[
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", vec![0x04, 0x02, 0x65, 0, 0, 0]),
            ("database_type", text("Test")),
            ("description", map(&[("en", text("Made by a test"))])),
            ("ip_version", short(self.version)),
            ("languages", vec![0x01, 0x04, 0x42, b'e', b'n']),
            ("node_count", number(u32::try_from(count).unwrap())),
            ("record_size", short(self.record_size)),
        ]));
        bytes
    }
}

/// The control byte of a type and a size, then the value.
fn value(kind: u8, size: usize, value: &[u8]) -> Vec<u8> {
    let size = u8::try_from(size).unwrap();
    let mut bytes = match size {
        0..29 => vec![kind << 5 | size],
        _ => vec![kind << 5 | 29, size - 29],
    };
    bytes.extend_from_slice(value);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    value(2, text.len(), text.as_bytes())
}

fn short(number: u16) -> Vec<u8> {
    value(5, 2, &number.to_be_bytes())
}

fn number(number: u32) -> Vec<u8> {
    value(6, 4, &number.to_be_bytes())
}

fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = fields.iter();
    let pairs: Vec<u8> = pairs
        .flat_map(|(name, value)| [text(name), value.clone()].concat())
        .collect();
    value(7, fields.len(), &pairs)
}
