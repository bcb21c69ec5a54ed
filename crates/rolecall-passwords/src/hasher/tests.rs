use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::memory::Memory;
use crate::problem::PasswordProblem;
use crate::stored::ComputeError;

const CHEAP: Parameters = Parameters::Argon2id {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn options(threads: usize, queue: usize) -> HasherOptions {
    HasherOptions {
        parameters: CHEAP,
        threads,
        queue,
    }
}

fn hasher() -> Hasher {
    Hasher::new(options(2, 16)).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

/// Queues a verification without waiting for its result.
fn queue_verification(
    hasher: &Hasher,
) -> Pin<Box<impl Future<Output = Result<Verdict, HashError>>>> {
    let hasher = hasher.clone();
    let mut pending = Box::pin(async move { hasher.verify(password("x"), None).await });
    let polled = pending
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    pending
}

#[tokio::test]
async fn only_the_correct_password_matches_and_a_current_hash_is_kept() {
    let hasher = hasher();
    let stored = hasher.hash(password("right")).await.unwrap();
    let right = hasher
        .verify(password("right"), Some(stored.clone()))
        .await
        .unwrap();
    assert_eq!(
        right,
        Verdict {
            matches: true,
            rehash: None
        }
    );
    let wrong = hasher
        .verify(password("wrong"), Some(stored))
        .await
        .unwrap();
    assert_eq!(
        wrong,
        Verdict {
            matches: false,
            rehash: None
        }
    );
}

#[tokio::test]
async fn every_kind_of_failure_costs_exactly_one_job() {
    let hasher = hasher();
    let mine = hasher.hash(password("right")).await.unwrap();
    for stored in [
        None,
        Some(mine),
        Some(String::new()),
        Some("broken".to_owned()),
        Some(
            "$argon2id$v=19$m=4194304,t=1000000,p=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag".to_owned(),
        ),
    ] {
        let before = hasher.load().started;
        let verdict = hasher.verify(password("wrong"), stored).await.unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches: false,
                rehash: None
            }
        );
        assert_eq!(hasher.load().started, before + 1);
    }
}

/// Only Argon2 uses the memory of the thread, so used memory proves a current computation.
#[test]
fn a_weak_or_unusable_hash_takes_no_less_time_than_a_current_one() {
    let hasher = Hasher::without_threads(options(1, 1)).unwrap();
    for stored in [
        "pbkdf2_sha256$1$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=",
        "$scrypt$ln=1,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
        "$scrypt$ln=99,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
        "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C",
        "!",
    ] {
        let mut memory = Memory::default();
        let shared = &hasher.0.shared;
        let verdict = shared.verify(&password("wrong"), Some(stored), &mut memory);
        assert_eq!(verdict.unwrap(), Verdict::default());
        assert!(!memory.is_empty(), "{stored} takes less time");
    }
}

#[tokio::test]
async fn an_imported_hash_is_renewed_only_if_the_password_is_correct() {
    let hasher = hasher();
    let imported = "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C".to_owned();
    let whole = "0123456789".repeat(7) + "ab";
    let wrong = hasher
        .verify(password("wrong"), Some(imported.clone()))
        .await
        .unwrap();
    assert_eq!(
        wrong,
        Verdict {
            matches: false,
            rehash: None
        }
    );
    let right = hasher
        .verify(password(&format!("{whole}tail")), Some(imported))
        .await
        .unwrap();
    assert!(right.matches);
    let renewed = right.rehash.unwrap();
    assert!(renewed.starts_with("$argon2id$"));
    let cut = hasher
        .verify(password(&whole), Some(renewed))
        .await
        .unwrap();
    assert!(!cut.matches, "the renewed hash still ignores the tail");
}

#[tokio::test]
async fn x029_bcrypt_keeps_no_password_that_it_would_cut() {
    let parameters = Parameters::Bcrypt { cost: 4 };
    let hasher = Hasher::new(HasherOptions {
        parameters,
        ..options(1, 4)
    })
    .unwrap();
    let refused = hasher.hash(password(&"x".repeat(73))).await.unwrap_err();
    assert_eq!(
        refused,
        HashError::Refused(PasswordProblem::Over72Bytes { length: 73 })
    );
    let nul = hasher.hash(password("a\0b")).await.unwrap_err();
    assert_eq!(nul, HashError::Refused(PasswordProblem::ContainsNul));
    assert_eq!(hasher.load().started, 0);

    let argon2 = self::hasher()
        .hash(password(&"x".repeat(73)))
        .await
        .unwrap();
    let verdict = hasher
        .verify(password(&"x".repeat(73)), Some(argon2))
        .await
        .unwrap();
    assert_eq!(
        verdict,
        Verdict {
            matches: true,
            rehash: None
        }
    );
}

#[tokio::test]
async fn x026_a_full_queue_refuses_and_callers_that_leave_free_no_place_early() {
    let hasher = Hasher::without_threads(options(1, 3)).unwrap();
    let waiting = queue_verification(&hasher);
    let leaves = queue_verification(&hasher);
    let leaves_too = queue_verification(&hasher);
    assert_eq!(
        hasher.verify(password("x"), None).await,
        Err(HashError::Busy)
    );
    assert_eq!(hasher.hash(password("x")).await, Err(HashError::Busy));
    drop((leaves, leaves_too));
    assert_eq!(
        hasher.verify(password("x"), None).await,
        Err(HashError::Busy)
    );
    let load = hasher.load();
    assert_eq!((load.waiting, load.refused, load.running), (3, 3, 0));

    hasher.start_threads(1).unwrap();
    assert!(!waiting.await.unwrap().matches);
    assert!(!hasher.verify(password("x"), None).await.unwrap().matches);
    assert_eq!(
        hasher.load().started,
        2,
        "jobs without a caller were computed"
    );
    let load = hasher.load();
    assert_eq!((load.waiting, load.threads, load.waits.count), (0, 1, 4));
}

#[tokio::test]
async fn x025_a_flood_is_answered_or_refused_and_never_lost() {
    let hasher = Hasher::new(options(2, 8)).unwrap();
    let jobs: Vec<_> = (0..200)
        .map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.verify(password("x"), None).await })
        })
        .collect();
    let mut answered = 0;
    for job in jobs {
        match job.await.unwrap() {
            Ok(verdict) => {
                assert!(!verdict.matches);
                answered += 1;
            }
            Err(error) => assert_eq!(error, HashError::Busy),
        }
    }
    assert_eq!(hasher.load().started, answered);
    assert!(answered >= 8);
}

#[tokio::test]
async fn impossible_costs_are_refused_at_start() {
    let parameters = Parameters::Bcrypt { cost: 31 };
    assert!(
        Hasher::new(HasherOptions {
            parameters,
            ..options(1, 1)
        })
        .is_err()
    );
}

#[test]
fn debug_output_shows_no_hash() {
    let shown = format!("{:?}", hasher());
    assert!(!shown.contains('$'), "{shown}");
}

#[tokio::test]
async fn too_little_memory_is_reported_until_there_is_enough() {
    let hasher = hasher();
    assert!(hasher.has_memory());
    let shared = &hasher.0.shared;
    let refused = shared.noted::<()>(Err(ComputeError::OutOfMemory));
    assert_eq!(refused, Err(HashError::NoMemory));
    // there is enough again by now
    assert!(hasher.has_memory());
    let hungry = Parameters::Argon2id {
        memory_kib: u32::MAX,
        passes: 1,
        lanes: 1,
    };
    assert_eq!(hungry.memory_blocks(), 0xffff_ffff);
}

/// Fourteen accounts of one address on 140 connections once kept a victim at another address out.
#[tokio::test]
async fn y050_a_flood_from_one_source_does_not_refuse_another() {
    let hasher = Hasher::without_threads(options(1, 32)).unwrap();
    let (mut flood, mut refused) = (Vec::new(), 0);
    for number in 0..140 {
        let hasher = hasher.clone();
        let lane = Lane {
            source: 1,
            account: number % 14,
        };
        let mut job = Box::pin(async move { hasher.verify_in(lane, password("x"), None).await });
        let polled = job.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Ready(refusal) => {
                assert_eq!(refusal, Err(HashError::Busy));
                refused += 1;
            }
            Poll::Pending => flood.push(job),
        }
    }
    let victim = Lane {
        source: 2,
        account: 1,
    };
    let waiting = hasher.verify_in(victim, password("y"), None);
    let mut waiting = Box::pin(waiting);
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(hasher.load().waiting, 32);
    hasher.start_threads(1).unwrap();
    assert_eq!(waiting.await, Ok(Verdict::default()));
    for job in flood {
        refused += usize::from(job.await == Err(HashError::Busy));
    }
    assert_eq!(refused, 140 - 31);
    assert_eq!(hasher.load().refused, 109);
}

#[tokio::test]
async fn y062_a_decoy_costs_what_a_stored_hash_costs_and_nothing_matches_it() {
    let hasher = hasher();
    let current = hasher.hash(password("right")).await.unwrap();
    assert_eq!(hasher.decoy(&current), None);
    assert_eq!(hasher.decoy("!"), None);
    for stored in [
        "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C",
        "pbkdf2_sha256$1$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=",
        "$scrypt$ln=1,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
    ] {
        let decoy = hasher.decoy(stored).unwrap();
        assert_ne!(decoy, stored);
        let (head, _) = decoy.rsplit_once('$').unwrap();
        assert!(stored.starts_with(head), "{decoy}");
        let verdict = hasher.verify(password("x"), Some(decoy)).await.unwrap();
        assert_eq!(verdict, Verdict::default());
    }
}

#[tokio::test]
async fn y363_a_breached_password_is_refused_on_the_hashing_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached.list");
    let file = || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
    };
    let builder =
        crate::ListBuilder::new(file().unwrap(), || Err(std::io::Error::other("no file")));
    let text = &b"a breached password"[..];
    crate::read_list(
        text,
        crate::ReadOptions::default(),
        builder.unwrap(),
        |_| (),
    )
    .unwrap();
    let list = Arc::new(BreachedPasswords::open(&path).unwrap());
    let hasher = Hasher::without_threads(options(1, 16)).unwrap();
    let ask = |text: &str| {
        let (hasher, list) = (hasher.clone(), Arc::clone(&list));
        let password = password(text);
        async move {
            hasher
                .hash_new_in(Lane::default(), password, Some(list))
                .await
        }
    };
    let mut breached = Box::pin(ask("a breached password"));
    let polled = breached
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "nobody looks before a thread does");
    hasher.start_threads(1).unwrap();
    let refused = HashError::Refused(PasswordProblem::Breached);
    assert_eq!(breached.await, Err(refused));
    assert!(ask("a breached passwore").await.is_ok());
    // what is in use already is verified whatever the list says
    let stored = hasher.hash(password("a breached password")).await.unwrap();
    let verdict = hasher.verify(password("a breached password"), Some(stored));
    assert!(verdict.await.unwrap().matches);

    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(ask("another password").await, Err(HashError::ListUnusable));
}
