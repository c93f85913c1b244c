//! The guard against hostile URLs and permitted exceptions, without a network.

use super::*;

fn public() -> Guard {
    Guard::new(Reach::Public, &[]).unwrap()
}

fn permitting(permitted: &[&str]) -> Guard {
    Guard::new(Reach::Public, permitted).unwrap()
}

/// A text that is no URL at all is refused as well.
fn accepts(guard: &Guard, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| guard.check_url(&url).is_ok())
}

fn answer(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
}

#[test]
fn hostile_urls_are_refused() {
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:70/",
        "unix:/run/docker.sock",
        "javascript:alert(1)",
        "//example.com/",
        "http://",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.0.0.1:9000/hook",
        "http://127.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://%31%32%37.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/latest/meta-data/",
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://192.0.2.1/",
        "http://198.18.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[2001:db8::1]/",
    ] {
        assert!(!accepts(&public(), url), "{url}");
    }
}

#[test]
fn public_urls_are_accepted() {
    for url in [
        "https://example.com/hook?id=1",
        "http://example.com:8080/",
        "HTTPS://EXAMPLE.COM/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:8443/",
        "https://10.0.0.1.example.com/",
    ] {
        assert!(accepts(&public(), url), "{url}");
    }
}

#[test]
fn anywhere_still_wants_http_without_credentials() {
    let guard = Guard::new(Reach::Anywhere, &[]).unwrap();
    assert!(accepts(&guard, "http://127.0.0.1:8332/"));
    assert!(!accepts(&guard, "ftp://127.0.0.1/"));
    assert!(!accepts(&guard, "http://user:secret@127.0.0.1/"));
    assert_eq!(guard.check_answer("node", &answer(&["10.0.0.5"])), Ok(()));
}

#[test]
fn one_bad_address_refuses_the_whole_answer() {
    let guard = public();
    assert_eq!(guard.check_answer("a.example", &answer(&["8.8.8.8", "2606:4700::1111"])), Ok(()));
    for bad in
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:10.0.0.1"]
    {
        for addresses in [answer(&[bad]), answer(&["8.8.8.8", bad]), answer(&[bad, "8.8.8.8"])] {
            assert!(guard.check_answer("a.example", &addresses).is_err(), "{addresses:?}");
        }
    }
}

#[test]
fn an_address_with_a_port_permits_that_spelling_only() {
    for guard in [permitting(&["127.0.0.1:9000"]), permitting(&["0x7f.1:9000"])] {
        assert!(accepts(&guard, "http://127.0.0.1:9000/hook"));
        assert!(accepts(&guard, "http://2130706433:9000/hook"));
        assert!(!accepts(&guard, "http://127.0.0.1:9001/hook"));
        assert!(!accepts(&guard, "http://127.0.0.1/hook"));
        assert!(!accepts(&guard, "http://127.0.0.2:9000/hook"));
        assert!(guard.check_answer("rebound.example", &answer(&["127.0.0.1"])).is_err());
    }
    let guard = permitting(&["[::1]:9000"]);
    assert!(accepts(&guard, "http://[::1]:9000/"));
    assert!(!accepts(&guard, "http://[::1]:9001/"));
}

#[test]
fn a_network_permits_spelled_and_resolved_addresses_on_every_port() {
    let guard = permitting(&["10.0.0.0/8", "fd00::/8", "192.168.7.7"]);
    for url in ["http://10.9.8.7:1/", "http://[::ffff:10.1.1.1]/", "http://[fd00::1]/"] {
        assert!(accepts(&guard, url), "{url}");
    }
    assert!(accepts(&guard, "http://192.168.7.7/"));
    assert!(!accepts(&guard, "http://192.168.7.8/"));
    assert!(!accepts(&guard, "http://127.0.0.1/"));
    assert_eq!(guard.check_answer("a.example", &answer(&["10.0.0.1", "8.8.8.8"])), Ok(()));
    assert!(guard.check_answer("a.example", &answer(&["10.0.0.1", "127.0.0.1"])).is_err());
}

#[test]
fn a_listed_name_is_trusted_on_its_ports_and_no_other() {
    let guard = permitting(&["hooks.internal", "Queue.Internal.:9000", "queue.internal:9001"]);
    assert!(accepts(&guard, "http://hooks.internal:1234/"));
    assert!(accepts(&guard, "http://queue.internal:9000/"));
    assert!(accepts(&guard, "http://QUEUE.internal.:9001/"));
    assert!(!accepts(&guard, "http://queue.internal/"));
    assert_eq!(guard.check_answer("hooks.internal", &answer(&["127.0.0.1"])), Ok(()));
    assert_eq!(guard.check_answer("queue.internal.", &answer(&["10.0.0.1"])), Ok(()));
    for name in ["internal", "a.hooks.internal", "hooks.internal.example.com"] {
        assert!(guard.check_answer(name, &answer(&["127.0.0.1"])).is_err(), "{name}");
    }
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    for entry in ["", "10.0.0.0/33", "http://a.example", "a.example:http", "a.example/8", "a b"] {
        assert!(Guard::new(Reach::Public, &[entry]).is_err(), "{entry:?}");
    }
}
