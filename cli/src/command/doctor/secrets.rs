//! Secrets: there, whole, long enough, different, and not in the file. No value and nothing made from one is printed.

use clyra_config::{Config, TargetAuth};
use clyra_service::vars::Vars;

use super::diagnosis::Area;

/// Shortest secret that is not doubted, in bytes: generated ones are longer.
const BYTES_MIN: usize = 16;

/// A variable that the configuration names.
struct Named<'a> {
    variable: &'a str,
    what_for: String,
    is_secret: bool,
}

pub(super) fn examine(config: &Config, vars: &dyn Vars) -> Area {
    let mut area = Area::new("secrets");
    let named = named(config);
    for one in &named {
        if is_variable_name(one.variable) {
            presence(one, vars, &mut area);
        } else {
            area.problem(
                format!("{} is not the name of an environment variable", one.what_for),
                "if it is the secret itself, it now stands in a file, and in its backups",
                "put the name of a variable there, such as CLYRA_DBT_CLOUD_SECRET, and replace the secret",
            );
        }
    }
    twins(&named, vars, &mut area);
    if area.is_fine() && !named.is_empty() {
        area.findings.clear();
        area.ok(format!("{} variables are set", named.len()));
    }
    area
}

fn named(config: &Config) -> Vec<Named<'_>> {
    let mut named = Vec::new();
    for connection in &config.connections {
        let of = |what: &str| format!("{what} of connection {}", connection.name);
        named.push(Named { variable: &connection.webhook_secret, what_for: of("webhookSecret"), is_secret: true });
        named.push(Named { variable: &connection.api_token, what_for: of("apiToken"), is_secret: true });
    }
    for warehouse in &config.warehouses {
        for (member, variable) in warehouse.system.variables() {
            // Certificates are public.
            let is_secret = member != "system.rootCertificates";
            named.push(Named { variable, what_for: format!("{member} of {warehouse}"), is_secret });
        }
    }
    for target in &config.targets {
        let names = match &target.auth {
            TargetAuth::Basic { .. } => ["auth.user", "auth.password"],
            TargetAuth::Oauth { .. } => ["auth.clientId", "auth.clientSecret"],
        };
        for ((name, variable), is_secret) in names.into_iter().zip(target.auth.variables()).zip([false, true]) {
            named.push(Named { variable, what_for: format!("{name} of target {}", target.name), is_secret });
        }
    }
    named
}

fn presence(one: &Named<'_>, vars: &dyn Vars, area: &mut Area) {
    let (variable, what_for) = (one.variable, &one.what_for);
    let set = "set it in the environment of clyra serve (a service manager's environment file, mode 0600)";
    let Some(value) = vars.get(variable) else {
        area.problem(format!("{variable} is not set ({what_for})"), "clyra serve does not start without it", set);
        return;
    };
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    if value.trim().is_empty() {
        area.problem(
            format!("{variable} is empty ({what_for})"),
            "anybody can make a signature under an empty secret",
            set,
        );
    } else if one.is_secret && (parts.len() > 2 || parts.iter().any(|part| part.is_empty())) {
        area.problem(
            format!("{variable} does not hold one or two values ({what_for})"),
            "two values with a comma between stand for a rotation; more, or an empty one, are refused",
            "leave one value, or the new and the old one",
        );
    } else if is_quoted(&value) {
        area.problem(
            format!("the value of {variable} stands in quotes ({what_for})"),
            "the quotes count as part of it, so nothing it is compared with matches",
            "remove the quotes; docker and systemd environment files take them literally",
        );
    } else if one.is_secret && parts.iter().any(|part| part.len() < BYTES_MIN) {
        area.warn(
            format!("the value of {variable} has fewer than {BYTES_MIN} characters ({what_for})"),
            "a short secret can be guessed, or it was cut when it was copied",
            "copy it again, or make a new one",
        );
    } else {
        area.ok(format!("{variable} is set ({what_for})"));
    }
}

/// One value for two purposes: whoever learns one learns the other, and mostly one was pasted in the wrong place.
fn twins(named: &[Named<'_>], vars: &dyn Vars, area: &mut Area) {
    let secrets: Vec<&Named<'_>> = named.iter().filter(|one| one.is_secret).collect();
    for (n, one) in secrets.iter().enumerate() {
        for other in &secrets[..n] {
            let same_variable = one.variable == other.variable;
            let value = vars.get(one.variable).filter(|value| !value.trim().is_empty());
            if same_variable && is_variable_name(one.variable) {
                area.warn(
                    format!("{} serves twice: {} and {}", one.variable, other.what_for, one.what_for),
                    "every webhook subscription has a secret of its own, and a token should open one thing",
                    "give each a variable of its own",
                );
            } else if !same_variable && value.is_some() && value == vars.get(other.variable) {
                area.problem(
                    format!("{} and {} hold the same value", other.variable, one.variable),
                    "one of them was pasted in the wrong place, and whoever learns one has both",
                    "set each to its own secret",
                );
            }
        }
    }
}

fn is_variable_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase() || first == '_')
        && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_quoted(value: &str) -> bool {
    let value = value.trim();
    value.len() > 1 && ['"', '\''].iter().any(|quote| value.starts_with(*quote) && value.ends_with(*quote))
}
