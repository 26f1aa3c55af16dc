//! `sandbus check`: what is right, and every way in which a configuration or a file is not.

mod component;
mod configuration;

use sandbus_tests::Deployment;

use super::cli_outcome::Outcome;

fn check(deployment: &Deployment, arguments: &[&str]) -> Outcome {
    Outcome::of(deployment, &[&["check"], arguments].concat())
}
