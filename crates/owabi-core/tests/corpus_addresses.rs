//! Addresses that others published, judged as a roster must judge them. Skipped, loudly, where they are absent.

mod support;

use owabi_core::address::Address;
use support::corpus;

fn accepts(class: &str) -> bool {
    match class {
        "valid" | "valid-unusual" | "carrier-legacy" | "smtputf8" | "idn" | "fixable" => true,
        other => other.starts_with("suspicious"),
    }
}

#[test]
fn at_least_ninety_eight_in_a_hundred_published_addresses_are_judged_as_labelled() {
    let Some(rows) = corpus("addresses") else { return };
    let mut differing = Vec::new();
    for row in &rows {
        let (raw, class) = (row["address"].as_str().unwrap(), row["envelope"].as_str().unwrap());
        let parsed = Address::parse(raw);
        let warned = parsed.as_ref().is_ok_and(|p| !p.warnings.is_empty());
        if parsed.is_ok() != accepts(class) || (class.starts_with("suspicious") && !warned) {
            differing.push(format!("{class:20} {raw:?} -> {:?}", parsed.map(|p| p.warnings)));
        }
    }
    let agreed = rows.len() - differing.len();
    eprintln!("addresses: {agreed} of {} as labelled; the others:\n{}", rows.len(), differing.join("\n"));
    assert!(agreed * 100 >= rows.len() * 98, "only {agreed} of {}", rows.len());
}

#[test]
fn every_accepted_address_reads_back_from_what_was_stored_and_fits_an_envelope() {
    let Some(rows) = corpus("addresses") else { return };
    for row in &rows {
        let Ok(parsed) = Address::parse(row["address"].as_str().unwrap()) else { continue };
        let address = parsed.address;
        assert_eq!(Address::from_stored(address.as_str()).unwrap(), address);
        assert_eq!(Address::parse(&address.envelope()).unwrap().address, address, "{}", address.as_str());
        assert!(address.envelope().len() <= 254);
    }
}

#[test]
fn no_published_carrier_address_leaves_with_an_unquoted_local_part_that_is_no_dot_string() {
    let Some(rows) = corpus("addresses") else { return };
    for row in rows.iter().filter(|row| row["envelope"] == "carrier-legacy") {
        let raw = row["address"].as_str().unwrap();
        let address = Address::parse(raw).unwrap().address;
        assert_eq!(address.as_str(), raw);
        let (local, domain) = raw.rsplit_once('@').unwrap();
        assert_eq!(address.envelope(), format!("\"{local}\"@{domain}"));
    }
}
