//! One gateway split over processes: what each of them does, and what it does not have.

use std::fs;

use crate::{
    api::{Api, Credentials, Order, address_on},
    gateway::{Gateway, wait_for},
    http::{Reply, Request},
    receiver::{Answer, Received, Receiver, idle_node},
    vyplata::Installation,
};

fn takes_all(_: &Received) -> Answer {
    ("200 OK".to_owned(), String::new(), String::new())
}

impl Installation {
    fn serve_as(&self, roles: &[&str]) -> Gateway {
        Gateway::start(self.command(&[&["serve"], roles].concat()), &self.data())
    }

    /// Takes the keys away, as if they were on another machine.
    fn hide_keys(&mut self) {
        self.passphrase = None;
        fs::rename(self.data().join("keystore.json"), self.data().join("elsewhere.json")).unwrap();
    }
}

fn ask(gateway: &Gateway, shop: &Credentials, reference: &str) -> Reply {
    let code = "ETH/ethereum";
    let address = address_on("ethereum");
    let order = Order { code, amount: "0.5", address, webhook_url: None, reference };
    let (api, body) = (Api::Native, Api::Native.body(&order).json());
    gateway.send(&shop.sign(api, api.path(), &body))
}

fn roles_of(gateway: &Gateway) -> Vec<String> {
    let text = gateway.send(&Request::get("/metrics")).text();
    let mut lines: Vec<String> =
        text.lines().filter(|it| it.starts_with("vyplata_role{")).map(str::to_owned).collect();
    lines.sort_unstable();
    let has = |line: &String| line.ends_with(" 1");
    assert_eq!(lines.len(), 4, "{text}");
    let word = |line: &String| line.split('"').nth(1).unwrap().to_owned();
    lines.iter().filter(|it| has(it)).map(word).collect()
}

#[test]
fn what_accepts_and_what_delivers_needs_no_keystore() {
    let node = Receiver::start(0, idle_node);
    let shop_hook = Receiver::start(0, takes_all);
    let hook = format!("http://{}/hook", shop_hook.address);
    let more = format!(
        "[conversion]\nsells = [\"ETH\"]\n[rates]\nETH = \"3000\"\n\
         [webhooks]\nallow = [\"{}\"]",
        shop_hook.address
    );
    let mut it = Installation::new(&Installation::ethereum(node.address, &more));
    it.ok(&["keys", "init"]);
    let shop = it.merchant(&["shop", "--webhook-url", &hook]);
    it.refuses(&["serve", "--accept"], &["vault.key", "vyplata keys vault"]);
    it.ok(&["keys", "vault"]);
    it.refuses(&["keys", "vault"], &["vault.key", "it was not touched"]);
    it.refuses(&["serve", "--accept"], &["ethereum/hot is not in the database", "rails"]);
    let rails = it.serve_as(&["--rails", "--admin"]);
    assert_eq!(roles_of(&rails), ["admin", "rails"]);
    it.ok(&["fund", "ETH@ethereum", "10", "--merchant", "shop"]);
    drop(rails);

    it.hide_keys();
    it.refuses(&["serve", "--rails"], &["there is no keystore"]);
    let clerk = it.serve_as(&["--accept"]);
    assert_eq!(roles_of(&clerk), ["accept"]);
    clerk.assert_healthy();
    let log = fs::read_to_string(&clerk.log).unwrap();
    assert!(log.contains("nobody has these roles: rails, deliver, admin"), "{log}");
    assert_eq!(clerk.send(&Request::get("/docs")).status, 200);
    assert_eq!(ask(&clerk, &shop, "first").status, 201);
    assert_eq!(ask(&clerk, &shop, "first").status, 200, "the reference is known");
    let own = it.ok(&["payout", "show", "--merchant", "shop", "--reference", "first"]);
    assert!(own.contains("queued"), "{own}");
    it.ok(&["payout", "cancel", "--merchant", "shop", "--reference", "first"]);
    assert!(shop_hook.at("/hook").is_empty(), "it delivers nothing");
    // What it leaves to others is told wherever an operator looks.
    it.configure(&Installation::ethereum(node.address, &format!("roles = [\"accept\"]\n{more}")));
    let said = it.run(&["doctor"]).stdout;
    assert!(said.contains("API secrets can be opened"), "{said}");
    assert!(said.contains("note   no process is at work that pays"), "{said}");
    assert!(!said.contains("keystore"), "{said}");
    drop(clerk);

    // Its node may be gone: what delivers asks none.
    drop(node);
    let courier = it.serve_as(&["--deliver"]);
    assert_eq!(roles_of(&courier), ["deliver"]);
    courier.assert_healthy();
    let told = wait_for("the webhook", || shop_hook.at("/hook").pop());
    assert!(!told.header("vyplata-signature").is_empty());
}

#[test]
fn a_request_that_got_to_the_wrong_process_is_not_decided() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    let shop = it.merchant(&["shop"]);
    let gateway = it.serve_as(&["--rails", "--deliver", "--admin"]);
    gateway.assert_healthy();
    // Nobody may take it for an answer about a payout.
    let reply = ask(&gateway, &shop, "first");
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (503, &"unavailable".into()));
    for api in Api::ALL {
        let reply = gateway.send(&shop.sign(api, api.path(), "{}"));
        assert!(reply.json().is_object(), "{}", api.name());
        assert!(reply.status >= 500, "{}: {}", api.name(), reply.status);
    }
    let said = it.run(&["doctor"]).stdout;
    assert!(said.contains("ok     each wallet, webhooks and upkeep have a process"), "{said}");
    for path in ["/docs", "/openapi.json", "/"] {
        let reply = gateway.send(&Request::get(path));
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text().contains("rails, deliver, admin"), "{}", reply.text());
    }
}

#[test]
fn roles_are_read_from_the_configuration_and_the_command_line_goes_before_it() {
    let node = Receiver::start(0, idle_node);
    let with = |roles: &str| Installation::ethereum(node.address, &format!("roles = {roles}"));
    let it = Installation::new(&with("[\"admin\", \"deliver\"]"));
    it.ok(&["keys", "init"]);
    it.ok(&["keys", "vault"]);
    assert_eq!(roles_of(&it.serve_as(&[])), ["admin", "deliver"]);
    assert_eq!(roles_of(&it.serve_as(&["--rails"])), ["rails"]);
    it.configure(&with("[]"));
    assert_eq!(roles_of(&it.serve_as(&[])), ["accept", "admin", "deliver", "rails"]);
    let _gateway = it.serve_as(&["--rails"]);
    it.refuses(&["serve", "--accept"], &["another gateway is running", "PostgreSQL"]);
    // They were left by who was killed, and nobody takes them.
    let left = ["nobody works on deliveries", "--deliver", "nobody works on upkeep", "--admin"];
    it.refuses(&["doctor"], &left);
    it.configure(&with("[\"rail\"]"));
    it.refuses(&["serve"], &["vyplata.toml:3: ", "roles", "unknown variant `rail`"]);
}
