use std::net::IpAddr;

use super::*;

fn grants(http: &[&str], networks: &[&str]) -> Grants {
    let http = http.iter().map(|text| HttpGrant::parse(text).unwrap()).collect();
    let networks = networks.iter().map(|text| network::parse(text).unwrap()).collect();
    Grants { http, networks, ..Grants::default() }
}

/// Whether one grant covers a request.
fn covers(grant: &str, address: &str) -> Result<HttpOrigin, HttpDenied> {
    let (scheme, rest) = address.split_once("://").unwrap();
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    grants(&[grant], &[]).sends_to(scheme, authority, path)
}

#[test]
fn a_path_grants_itself_and_what_is_below_it() {
    let api = "https://api.example.com/v1";
    for path in ["/v1", "/v1/", "/v1/x", "/v1/x/y.json", "/%76%31/x", "/v1/a%20b", "/v1/a;b=1", "/v1/100%25", "/v1/..."]
    {
        assert!(covers(api, &format!("https://api.example.com{path}")).is_ok(), "{path}");
    }
    for path in ["", "/", "/v10", "/v1x", "/V1", "/v", "/x/v1", "/v1;x", "/v1%20"] {
        let denied = covers(api, &format!("https://api.example.com{path}"));
        assert!(matches!(denied, Err(HttpDenied::NoPath(..))), "{path}: {denied:?}");
    }
    assert!(covers("https://api.example.com/v1/", "https://api.example.com/v1").is_ok());
    assert!(covers("https://api.example.com/a%20b", "https://api.example.com/a%20b/c").is_ok());
}

#[test]
fn what_leads_out_of_a_path_for_some_server_is_refused() {
    use Ambiguous::{Control, Dots, Empty, Encoding, Slash};
    for (path, why) in [
        ("/v1/../admin", Dots),
        ("/v1/..", Dots),
        ("/v1/./x", Dots),
        ("/v1/%2e%2e/admin", Dots),
        ("/v1/%2E./admin", Dots),
        ("/v1/..;/admin", Dots),
        ("/v1/..%3bx/admin", Dots),
        ("/v1//admin", Empty),
        ("//v1/x", Empty),
        ("/v1/;/admin", Empty),
        ("/v1/..%2fadmin", Slash),
        ("/v1/x%5c..", Slash),
        ("/v1/..\\admin", Slash),
        ("/v1/%252e%252e/admin", Encoding),
        ("/v1/%25%32%65", Encoding),
        ("/v1/%zz", Encoding),
        ("/v1/%2", Encoding),
        ("/v1/%c0%ae%c0%ae/admin", Encoding),
        ("/v1/x%00", Control),
        ("/v1/x%0d%0a", Control),
    ] {
        let denied = covers("https://api.example.com/v1", &format!("https://api.example.com{path}"));
        assert_eq!(denied, Err(HttpDenied::Ambiguous(why)), "{path}");
        assert!(covers("https://api.example.com", &format!("https://api.example.com{path}")).is_ok(), "{path}");
    }
}

#[test]
fn a_server_is_granted_by_scheme_host_and_port() {
    let api = "https://api.example.com";
    for address in ["https://api.example.com", "https://API.Example.COM:443/x", "https://api.example.com:0443/"] {
        assert!(covers(api, address).is_ok(), "{address}");
    }
    for address in [
        "http://api.example.com",
        "https://api.example.com:8443",
        "https://example.com",
        "https://api.example.com.evil.org",
        "https://xapi.example.com",
        "https://api-example.com",
    ] {
        assert!(matches!(covers(api, address), Err(HttpDenied::NoServer(_))), "{address}");
    }
    for address in [
        "https://api.example.com.",
        "https://u@api.example.com",
        "https://evil.org:443@api.example.com",
        "https://api.example.com@evil.org",
        "https://api.example.com:",
        "https://api.example.com:+443",
        "https://api.example.com:99999",
        "https://api.example.com\\.evil.org",
        "https://api.example.com%2eevil.org",
        "https://ａpi.example.com",
        "https://",
    ] {
        assert!(matches!(covers(api, address), Err(HttpDenied::Address(_))), "{address}");
    }
}

#[test]
fn addresses_have_one_form() {
    assert!(covers("http://127.0.0.1:8080", "http://127.0.0.1:8080/x").is_ok());
    assert!(covers("http://[2001:db8::1]", "http://[2001:0DB8:0:0::1]:80/").is_ok());
    for odd in
        ["127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "1.2.3.4.5"]
    {
        assert!(HttpGrant::parse(&format!("http://{odd}")).is_err(), "{odd}");
        let denied = covers("http://127.0.0.1", &format!("http://{odd}"));
        assert!(matches!(denied, Err(HttpDenied::Address(_))), "{odd}: {denied:?}");
    }
    for other in ["http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[::127.0.0.1]"] {
        assert!(matches!(covers("http://127.0.0.1", other), Err(HttpDenied::NoServer(_))), "{other}");
    }
    assert!(matches!(covers("http://[fe80::1]", "http://[fe80::1%25eth0]"), Err(HttpDenied::Address(_))));
}

#[test]
fn only_the_public_internet_is_public() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.0.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn other_addresses_are_reached_by_a_grant_of_their_own() {
    let origin = |grants: &Grants| grants.http[0].origin.clone();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let named = grants(&["http://db.internal"], &["10.1.0.0/16", "::1"]);
    for reached in ["10.1.2.3", "::ffff:10.1.2.3", "::1", "8.8.8.8"] {
        assert!(named.reaches(&origin(&named), ip(reached)), "{reached}");
    }
    for refused in ["10.2.0.1", "127.0.0.1", "169.254.169.254", "::2"] {
        assert!(!named.reaches(&origin(&named), ip(refused)), "{refused}");
    }
    let literal = grants(&["http://169.254.169.254"], &[]);
    assert!(literal.reaches(&origin(&literal), ip("169.254.169.254")));
    assert!(literal.reaches(&origin(&literal), ip("::ffff:169.254.169.254")));
    assert!(!literal.reaches(&origin(&literal), ip("169.254.169.253")));
}

#[test]
fn networks_are_read_in_one_form() {
    for (text, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("FD00::/8", "fd00::/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ] {
        assert_eq!(network::parse(text).unwrap().to_string(), shown);
    }
    for wrong in ["10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "10.0.0.0-10.0.0.9", "", "localhost"] {
        assert!(network::parse(wrong).is_err(), "{wrong}");
    }
}

fn publishing(grants: &[&str]) -> Grants {
    let reserved = [
        ("orders.dlq", "the dead-letter topic of orders"),
        ("orders.g.redrive", "the redrive topic of orders for the group g"),
    ];
    let guarded = Guarded {
        own: vec![TopicName::new("orders").unwrap()],
        reserved: Arc::new(reserved.map(|(topic, role)| (topic.to_owned(), role.to_owned())).into()),
        suffix: ".dlq".into(),
    };
    let publish = grants.iter().map(|text| Pattern::new(text).unwrap()).collect();
    Grants { publish, guarded, ..Grants::default() }
}

#[test]
fn a_pattern_grants_no_topic_that_feeds_the_handler_itself() {
    let denied = |grants: &[&str], topic: &str| publishing(grants).publishes_to(topic).unwrap_err().to_string();
    let everything: &[&str] = &["*"];
    assert_eq!(publishing(everything).publishes_to("orders.seen"), Ok(()));
    insta::assert_snapshot!(
        [
            denied(&["ord"], "orders"),
            denied(everything, "orders"),
            denied(everything, "orders.dlq"),
            denied(everything, "orders.g.redrive"),
            denied(everything, "payments.dlq"),
            denied(everything, "payments.h.redrive"),
            denied(&["orders.dlq"], "orders.dlq"),
        ]
        .join("\n"),
        @r#"
    no grant allows publishing to "orders"; if it is meant, grant it: grants.publish = ["orders"]
    "orders" is a source topic of this handler; only a grant of that very name allows publishing to it
    "orders.dlq" is the dead-letter topic of orders, which no grant can allow publishing to
    "orders.g.redrive" is the redrive topic of orders for the group g, which no grant can allow publishing to
    "payments.dlq" has the name of a dead-letter or redrive topic; only a grant of that very name allows publishing to it
    "payments.h.redrive" has the name of a dead-letter or redrive topic; only a grant of that very name allows publishing to it
    "orders.dlq" is the dead-letter topic of orders, which no grant can allow publishing to
    "#
    );
    for exact in ["orders", "payments.dlq", "payments.h.redrive"] {
        assert_eq!(publishing(&["*", exact]).publishes_to(exact), Ok(()), "{exact}");
    }
}
