//! `playbooks`: files of playbooks checked, tested, and applied to the data directory.

mod backtest;
mod files;
mod plan;

use std::error::Error;

use self::files::Files;
use super::args::Args;
use super::token::open;
use super::{Outcome, WrongUse, print};
use crate::config::Settings;
use crate::playbooks::{Playbooks, file};

/// A flag, and the subcommands that take it.
const FLAGS: [(&str, &[&str]); 5] = [
    ("slug", &["backtest"]),
    ("from", &["backtest"]),
    ("to", &["backtest"]),
    ("prune", &["plan", "apply"]),
    ("overwrite", &["plan", "apply"]),
];

/// What `plan` exits with where `apply` would change something. Neither 1 nor 2, which say that it would not do it.
const CHANGES: u8 = 3;

/// Answers the exit code.
pub(super) fn run(args: &Args, settings: &Settings) -> Result<u8, Box<dyn Error>> {
    let operands: Vec<&str> = args.operands.iter().map(String::as_str).collect();
    let (command, names) = match operands.split_first() {
        Some((command, names)) => (*command, names),
        None => ("", &[][..]),
    };
    for (flag, takers) in FLAGS {
        if args.value(flag).is_some() && !takers.contains(&command) {
            let takers = takers.join(" and ");
            return Err(WrongUse(format!("--{flag}: only {takers} takes it")).into());
        }
    }
    let outcome = match (command, names) {
        ("check" | "test" | "plan" | "apply", []) => {
            Err(WrongUse(format!("playbooks {command}: expected FILE...")).into())
        }
        ("check", names) => Ok(read(names).is_some_and(|files| {
            print(&format!("playbooks={}", files.entries().count()));
            true
        })),
        ("test", names) => Ok(read(names).is_some_and(|files| test(&files))),
        ("plan", names) => match change(args, settings, names, false)? {
            Some(true) => return Ok(CHANGES),
            planned => Ok(planned.is_some()),
        },
        ("apply", names) => Ok(change(args, settings, names, true)?.is_some()),
        ("export", []) => export(settings),
        ("backtest", [name]) => backtest::run(args, settings, name),
        ("export", _) => Err(WrongUse("playbooks export: takes no operand".to_owned()).into()),
        ("backtest", _) => Err(WrongUse("playbooks backtest: expected FILE".to_owned()).into()),
        _ => {
            let expected = "playbooks: expected check, test, plan, apply, export or backtest";
            Err(WrongUse(format!("{expected}, see playbooks --help")).into())
        }
    };
    outcome.map(super::exit_code)
}

/// The files, if all can be read; what is wrong with each is told.
fn read(names: &[&str]) -> Option<Files> {
    match Files::read(names) {
        Ok(files) => Some(files),
        Err(wrong) => {
            wrong.iter().for_each(|wrong| super::complain_of(wrong));
            None
        }
    }
}

/// Runs all tests; says whether none failed.
fn test(files: &Files) -> bool {
    let (tests, failed) = run_tests(files);
    print(&format!("tests={tests} failed={failed}"));
    failed == 0
}

/// Runs all tests and prints each that fails; answers how many there are, and how many failed.
fn run_tests(files: &Files) -> (usize, usize) {
    let (mut tests, mut failed) = (0, 0);
    for (name, entry) in files.entries() {
        let slug = &entry.playbook.slug;
        for test in &entry.tests {
            tests += 1;
            if let Err(failure) = file::run(entry, test) {
                failed += 1;
                let failure = failure.to_string();
                print(&format!("failed: {name}: {slug}: {:?}", test.name));
                print(failure.trim_end());
            }
        }
    }
    (tests, failed)
}

/// Prints what there is to do, and does it if it is asked for. Answers whether there is anything to do; `None` if it is
/// refused.
fn change(
    args: &Args,
    settings: &Settings,
    names: &[&str],
    apply: bool,
) -> Result<Option<bool>, Box<dyn Error>> {
    let Some(files) = read(names) else {
        return Ok(None);
    };
    if let (tests, failed @ 1..) = run_tests(&files) {
        super::complain_of(&format!("{failed} of {tests} tests failed"));
        return Ok(None);
    }
    let playbooks = Playbooks::open(open(settings)?)?;
    let plan = plan::Plan::new(&playbooks, &files, args.value("prune").is_some());
    print(plan.to_string().trim_end());
    if args.value("overwrite").is_none() && plan.has_conflicts() {
        let wrong = "changed by others since they were applied: take that over into the files, or give --overwrite";
        super::complain_of(&wrong);
        return Ok(None);
    }
    if apply {
        plan.apply(&playbooks)?;
    }
    Ok(Some(plan.has_changes()))
}

/// Prints the playbooks of the data directory, with their stages.
fn export(settings: &Settings) -> Outcome {
    let playbooks = Playbooks::open(open(settings)?)?;
    let (_, all) = playbooks.current();
    let entries = all.iter().map(|current| file::Entry {
        playbook: (*current.playbook).clone(),
        stage: Some(current.stage),
        tests: current.tests.to_vec(),
    });
    print(file::print(&entries.collect::<Vec<_>>()).trim_end());
    Ok(true)
}
