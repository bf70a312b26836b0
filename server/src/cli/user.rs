//! `user`: adds, lists and changes people in the data directory.

use std::sync::Arc;

use super::args::Args;
use super::token::{open, role, time};
use super::{Outcome, print};
use crate::auth::{Caller, People, PersonChange, PersonError, link};
use crate::config::Settings;
use crate::state::{PersonRecord, Role};

pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    let operands: Vec<&str> = args.operands.iter().map(String::as_str).collect();
    let by = Caller::command_line();
    if args.value("role").is_some() && !matches!(operands[..], ["add" | "role", _]) {
        return Err("--role: only add and role take it".into());
    }
    let open = || -> Result<People, Box<dyn std::error::Error>> {
        Ok(People::open(Arc::clone(&open(settings)?))?)
    };
    let change = |name: &str, change| -> Result<PersonRecord, Box<dyn std::error::Error>> {
        let people = open()?;
        let person = people.change(named(&people, name)?.id, change, &by)?;
        Ok(person)
    };
    let disabled = |disabled| PersonChange {
        disabled: Some(disabled),
        ..PersonChange::default()
    };
    match operands[..] {
        ["add", name] => {
            let role = role(args)?;
            let people = open()?;
            let person = people.add(name, role, None, &by)?;
            print_link(&people, &person, settings, &by)?;
        }
        ["list"] => list(&open()?),
        ["role", name] => {
            let role = Some(role(args)?);
            let change = change(
                name,
                PersonChange {
                    role,
                    ..PersonChange::default()
                },
            )?;
            print(&format!("role={}", change.role.name()));
        }
        ["password-link", name] => {
            let people = open()?;
            print_link(&people, &named(&people, name)?, settings, &by)?;
        }
        ["disable", name] => print(&format!("disabled={}", change(name, disabled(true))?.name)),
        ["enable", name] => print(&format!("enabled={}", change(name, disabled(false))?.name)),
        _ => {
            let wrong =
                "user: expected add, list, role, password-link, disable or enable, see user --help";
            return Err(wrong.into());
        }
    }
    Ok(true)
}

fn named(people: &People, name: &str) -> Result<PersonRecord, String> {
    let person = people.named(name);
    person.ok_or_else(|| format!("NAME: there is nobody called {name:?}, see user list"))
}

fn print_link(
    people: &People,
    person: &PersonRecord,
    settings: &Settings,
    by: &Caller,
) -> Result<(), PersonError> {
    let code = people.make_link(person.id, by)?;
    let base = settings.base(settings.addr);
    print(&format!("link={base}{}", link(&code)));
    Ok(())
}

fn list(people: &People) {
    print("id\tname\trole\tadded\tlast signed in\tdisabled\tpassword");
    for person in people.all() {
        let password = if person.password.is_some() {
            "set"
        } else {
            "not set"
        };
        let fields = [
            person.id.to_string(),
            person.name,
            Role::name(person.role).to_owned(),
            time(Some(person.created_at)),
            time(person.signed_in_at),
            time(person.disabled_at),
            password.to_owned(),
        ];
        print(&fields.join("\t"));
    }
}
