//! The choice on machines that have this and lack that.

use std::cell::{Cell, RefCell};

use super::*;

/// A machine by what it has, and what works on it.
#[derive(Default)]
struct Machines {
    target: Cell<bool>,
    rustup: bool,
    target_can_be_added: bool,
    /// That rustup adds it to another toolchain than the one in PATH.
    elsewhere: bool,
    debian: Cell<bool>,
    apt_works: bool,
    apt_installs: bool,
    done: RefCell<Vec<&'static str>>,
}

impl Machine for Machines {
    fn path_is_ready(&self) -> Result<(), String> {
        if self.target.get() { Ok(()) } else { Err("no target".into()) }
    }

    fn has_rustup(&self) -> bool {
        self.rustup
    }

    fn add_target(&self) -> Result<(), String> {
        self.done.borrow_mut().push("target add");
        self.target.set(self.target_can_be_added && !self.elsewhere);
        if self.target_can_be_added { Ok(()) } else { Err("offline".into()) }
    }

    fn debian_is_ready(&self) -> bool {
        self.debian.get()
    }

    fn install_debian(&self) -> Result<(), String> {
        self.done.borrow_mut().push("apt-get");
        self.debian.set(self.apt_works && self.apt_installs);
        if self.apt_works { Ok(()) } else { Err("not root".into()) }
    }
}

/// The choice, with what was done to the machine.
fn choice(machine: &Machines, route: Option<Route>) -> (Result<Compiler, String>, Vec<&'static str>) {
    let chosen = choose(machine, route, &|_| {}).map_err(|error| error.to_string());
    (chosen, machine.done.take())
}

#[test]
fn what_is_in_path_comes_first_and_nothing_is_changed() {
    let machine = Machines { target: true.into(), rustup: true, debian: true.into(), ..Default::default() };
    assert_eq!(choice(&machine, None), (Ok(Compiler::InPath), vec![]));
}

#[test]
fn debian_comes_before_any_installation() {
    let machine = Machines { rustup: true, target_can_be_added: true, debian: true.into(), ..Default::default() };
    assert_eq!(choice(&machine, None), (Ok(Compiler::Debian), vec![]));
}

#[test]
fn rustup_adds_a_missing_target() {
    let machine = Machines { rustup: true, target_can_be_added: true, ..Default::default() };
    assert_eq!(choice(&machine, None), (Ok(Compiler::InPath), vec!["target add"]));
}

#[test]
fn where_rustup_cannot_download_debian_is_the_way() {
    let machine = Machines { rustup: true, apt_works: true, apt_installs: true, ..Default::default() };
    assert_eq!(choice(&machine, None), (Ok(Compiler::Debian), vec!["target add", "apt-get"]));
}

#[test]
fn a_target_added_to_another_toolchain_is_no_help() {
    let machine = Machines { rustup: true, target_can_be_added: true, elsewhere: true, ..Default::default() };
    let (chosen, _) = choice(&machine, Some(Route::Rustup));
    assert!(chosen.unwrap_err().ends_with("\n  rustup: no target"));
}

#[test]
fn debian_is_installed_where_it_is_missing() {
    let machine = Machines { apt_works: true, apt_installs: true, ..Default::default() };
    assert_eq!(choice(&machine, None), (Ok(Compiler::Debian), vec!["apt-get"]));
}

#[test]
fn an_installation_is_not_believed_but_checked() {
    let machine = Machines { apt_works: true, ..Default::default() };
    let (chosen, _) = choice(&machine, Some(Route::Debian));
    assert!(chosen.unwrap_err().contains("not everything is installed"));
}

#[test]
fn a_forced_route_is_the_only_one() {
    let machine = Machines { target: true.into(), debian: true.into(), ..Default::default() };
    assert_eq!(choice(&machine, Some(Route::Debian)), (Ok(Compiler::Debian), vec![]));
    let machine = Machines { rustup: true, target_can_be_added: true, debian: true.into(), ..Default::default() };
    let (chosen, done) = choice(&machine, Some(Route::Cargo));
    assert!(chosen.unwrap_err().ends_with("\n  cargo: no target"));
    assert!(done.is_empty());
    let (chosen, done) = choice(&machine, Some(Route::Rustup));
    assert_eq!((chosen, done), (Ok(Compiler::InPath), vec!["target add"]));
}

#[test]
fn without_any_way_each_one_says_why() {
    let (chosen, _) = choice(&Machines { rustup: true, ..Default::default() }, None);
    assert_eq!(
        chosen.unwrap_err(),
        "there is no Rust here that builds for wasm32-unknown-unknown:\n  \
         cargo: no target\n  rustup: offline\n  debian: not root"
    );
}

#[test]
fn routes_are_named_as_they_are_written() {
    for route in [Route::Cargo, Route::Rustup, Route::Debian] {
        assert_eq!(route.to_string().parse(), Ok(route));
    }
    assert_eq!("Debian".parse::<Route>(), Err(UnknownRoute("Debian".into())));
}
