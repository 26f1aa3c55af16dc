//! The reference of the configuration, written from the definitions of the keys.

use super::key::Described;
use super::librdkafka::{self, Kind};
use super::policy::PolicyKeys;
use super::schema::{self, Info};

/// The reference as Markdown: `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = include_str!("reference/opening.md").to_owned();
    for info in schema::SECTIONS {
        section(&mut page, info);
    }
    page
}

fn section(page: &mut String, info: &Info) {
    let brackets = schema::bracketed(info.path);
    page.push_str(&format!("\n## `{brackets}`\n\n{}\n", info.doc));
    match info.path {
        "kafka.properties" => properties(page),
        "handlers" => {
            page.push_str("\nEvery key of `[[handler]]` but `name` and `component` may stand here as a default.\n\n")
        }
        "handler.config" => page.push_str(
            "\nKeys are of your choice. Values are text, numbers, dates, `true` or `false`; the \
             guest reads all of them as text, as TOML writes them. Lists and tables are errors.\n",
        ),
        "handlers.config" => page.push_str(
            "\n`SANDBUS_HANDLERS__CONFIG__DB_HOST` sets the key that the file has in some spelling of \
             `db_host` (`db-host`, `db.host`), else `db_host`.\n",
        ),
        "handlers.limits" | "handlers.grants" => {}
        _ => page.push('\n'),
    }
    let keys = table_keys(info);
    if !keys.is_empty() {
        page.push_str("| key | default | value | meaning |\n|---|---|---|---|\n");
    }
    for key in keys {
        page.push_str(&row(info, key));
    }
}

/// What `[handlers]` repeats stands with `[[handler]]` alone.
fn table_keys(info: &Info) -> Vec<&'static dyn Described> {
    let keys = match info.path {
        "handlers.limits" | "handlers.grants" => &[],
        "handlers" => info.keys.get(..1).unwrap_or_default(),
        _ => info.keys,
    };
    keys.iter().flat_map(|keys| keys.iter().copied()).collect()
}

fn row(info: &Info, key: &dyn Described) -> String {
    let of_delivery = PolicyKeys::KEYS.iter().any(|policy| policy.name() == key.name());
    let default = match key.default() {
        _ if of_delivery && info.path != "delivery" => "as in `[delivery]`".to_owned(),
        "" => "–".to_owned(),
        default => format!("`{default}`"),
    };
    let allowed = key.allowed().replace('|', "\\|");
    format!("| `{}` | {default} | {allowed} | {} |\n", key.name(), key.doc())
}

fn properties(page: &mut String) {
    let list = |wanted: fn(Kind) -> bool| {
        let names = librdkafka::names_of(wanted);
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let files = list(|kind| matches!(kind, Kind::Path | Kind::PathOrProbe));
    let secrets = list(|kind| kind == Kind::Secret);
    let text = format!(
        "\nValues are text, whole numbers, `true` or `false`. `[kafka.properties]` may name them \
         with or without quotes. `\"fetch.wait.max.ms\"` and the like are described in librdkafka's \
         own reference; librdkafka checks their values.\n\n\
         Files, relative to the configuration file: {files}.\n\n\
         Secrets, which `_file` may give: {secrets}.\n\n\
         The host sets these itself, and refuses them here:\n\n\
         | property | why, or what instead |\n|---|---|\n"
    );
    page.push_str(&text);
    for name in librdkafka::names_of(|kind| matches!(kind, Kind::Owned(_))) {
        let reason = librdkafka::owned(name).unwrap_or_default();
        page.push_str(&format!("| `{name}` | {reason} |\n"));
    }
    page.push_str("| `enable.auto.*`, `plugin.*` | as those above |\n");
}
