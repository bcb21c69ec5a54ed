//! The list as a whole, against a set that is compared by.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Cursor},
};

use proptest::prelude::*;

use super::{format::BLOCK, *};
use crate::password::Password;

type Memory = Cursor<Vec<u8>>;

fn scratch() -> impl FnMut() -> io::Result<Memory> {
    || Ok(Cursor::new(Vec::new()))
}

fn builder(chunk: usize) -> ListBuilder<Memory, impl FnMut() -> io::Result<Memory>> {
    ListBuilder::with_chunk(Cursor::new(Vec::new()), scratch(), chunk).unwrap()
}

/// Builds a list of values, sorting `chunk` at once.
fn build(values: impl IntoIterator<Item = u64>, chunk: usize) -> Vec<u8> {
    let mut builder = builder(chunk);
    for value in values {
        builder.push(value).unwrap();
    }
    builder.finish().unwrap().0.into_inner()
}

fn read(text: &[u8], options: ReadOptions) -> Result<(Vec<u8>, Summary), ReadError> {
    let (file, summary) = read_list(text, options, builder(1000), |_| ())?;
    Ok((file.into_inner(), summary))
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let list = List::open(bytes).unwrap();
    list.contains(fingerprint(text)).unwrap()
}

/// Returns values that are spread like hashes.
fn spread(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|number| fingerprint(&number.to_string()))
}

#[test]
fn the_value_of_a_password_is_the_start_of_its_published_hash() {
    // SHA-1 of `password`, as Have I Been Pwned publishes it
    assert_eq!(fingerprint("password"), 0x5B_AA61_E4C9);
}

#[test]
fn a_published_list_is_read_with_and_without_counts() {
    let text = b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n\
        7c4a8d09ca3762af61e59520943dc26494f8941b\n\
        B1B3773A05C0ED0176787A4F1574FF0075F7521E:  3 \n\n";
    let (bytes, summary) = read(text, ReadOptions::default()).unwrap();
    let expected = Summary {
        lines: 4,
        skipped: 1,
        passwords: 3,
    };
    assert_eq!(summary, expected);
    for known in ["password", "123456", "qwerty"] {
        assert!(contains(&bytes, known), "{known}");
    }
    assert!(!contains(&bytes, "Password"));
    let options = ReadOptions {
        min_count: 4,
        ..ReadOptions::default()
    };
    let (bytes, summary) = read(text, options).unwrap();
    assert_eq!((summary.passwords, summary.skipped), (2, 2));
    assert!(!contains(&bytes, "qwerty") && contains(&bytes, "password"));
}

#[test]
fn a_list_of_passwords_is_read_as_it_is_and_compared_in_nfc() {
    let mut text = b"letmein\r\ncafe\xcc\x81\n two words \n\xff\xfe\n".to_vec();
    text.extend(vec![b'x'; 100_000]);
    text.extend(b"\nlast");
    let (bytes, summary) = read(&text, ReadOptions::default()).unwrap();
    assert_eq!(
        summary,
        Summary {
            lines: 6,
            skipped: 2,
            passwords: 4
        }
    );
    for known in ["letmein", "caf\u{e9}", " two words ", "last"] {
        assert!(contains(&bytes, known), "{known}");
    }
    for other in ["two words", "cafe", "x"] {
        assert!(!contains(&bytes, other), "{other}");
    }
}

#[test]
fn a_password_of_forty_digits_needs_the_format() {
    let line = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
    let options = ReadOptions {
        format: Some(ListFormat::Plain),
        ..ReadOptions::default()
    };
    let (bytes, _) = read(line.as_bytes(), options).unwrap();
    assert!(contains(&bytes, line) && !contains(&bytes, "password"));
}

#[test]
fn a_line_that_does_not_fit_is_named() {
    let hash = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
    let sha1 = ReadOptions {
        format: Some(ListFormat::Sha1),
        ..ReadOptions::default()
    };
    for (text, options, expected) in [
        (
            format!("{hash}\n{hash}:\n"),
            ReadOptions::default(),
            "line 2: the count",
        ),
        (
            format!("{hash}\n{hash}:x\n"),
            ReadOptions::default(),
            "line 2: the count",
        ),
        (
            format!("{hash}\npassword\n"),
            ReadOptions::default(),
            "line 2 is not a SHA-1",
        ),
        (
            format!("{hash}\n\n{hash}0\n"),
            ReadOptions::default(),
            "line 3 is not a SHA-1",
        ),
        (hash[..39].to_owned(), sha1, "line 1 is not a SHA-1"),
        (
            format!("{}:3", &hash[..32]),
            ReadOptions::default(),
            "line 1 is an NTLM hash",
        ),
        (
            String::new(),
            ReadOptions::default(),
            "contains no password",
        ),
        (
            "\n\n".to_owned(),
            ReadOptions::default(),
            "contains no password",
        ),
    ] {
        let refused = read(text.as_bytes(), options).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn y360_a_damaged_or_foreign_file_is_no_list() {
    let bytes = build(spread(20_000), 1000);
    assert!(List::open(bytes.as_slice()).unwrap().verify().is_ok());
    let fault = |bytes: &[u8]| match List::open(bytes) {
        Ok(list) => list.verify().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    for foreign in [&b""[..], b"5BAA61E4C9", &[0; 10_000], &vec![b'x'; 4096]] {
        assert!(fault(foreign).contains("not a list"), "{}", foreign.len());
    }
    for (place, expected) in [
        (11, "version"),
        (15, "version"),
        (20, "damaged"),
        (31, "should have"),
        (40, "damaged"),
        (BLOCK, "damaged"),
        (2 * BLOCK + 100, "damaged"),
        (bytes.len() - 1, "damaged"),
    ] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(
            fault(&changed).contains(expected),
            "{place}: {}",
            fault(&changed)
        );
    }
    for length in [BLOCK, bytes.len() / 2, bytes.len() - 1] {
        assert!(fault(&bytes[..length]).contains("should have"), "{length}");
    }
    // blocks in another order
    let mut swapped = bytes.clone();
    let (one, other) = swapped[BLOCK..].split_at_mut(BLOCK);
    one.swap_with_slice(&mut other[..BLOCK]);
    assert!(fault(&swapped).contains("damaged"));
    let (mut huge, mut most) = (bytes.clone(), bytes);
    huge[24] = 0xff;
    assert!(fault(&huge).contains("should have"));
    most[24..32].copy_from_slice(&(u64::MAX / 4101).to_be_bytes());
    assert!(fault(&most).contains("should have"));
}

#[test]
fn an_interrupted_list_is_none() {
    let mut builder = builder(10);
    for value in spread(50_000) {
        builder.push(value).unwrap();
    }
    let (mut file, _) = builder.finish().unwrap();
    file.get_mut()[..BLOCK].fill(0);
    assert!(matches!(
        List::open(file.get_ref().as_slice()),
        Err(ListError::NotAList)
    ));
}

#[test]
fn more_runs_than_are_merged_at_once_give_the_same_list_as_one() {
    let values: Vec<u64> = spread(3000).collect();
    let expected = build(values.iter().copied(), 100_000);
    assert!(build(values.iter().copied(), 20) == expected);
    let mut sorted = values;
    sorted.sort_unstable();
    assert!(build(sorted.iter().copied(), 20) == expected);
    sorted.reverse();
    assert!(build(sorted.iter().copied(), 7) == expected);
}

#[test]
fn a_full_disk_is_no_fault_of_the_input() {
    let builder = ListBuilder::with_chunk(
        Cursor::new(Vec::new()),
        || Err(io::Error::from(io::ErrorKind::StorageFull)),
        2,
    );
    let words = "one password\nanother password\na third password\na fourth\na fifth\n".repeat(9);
    let read = read_list(
        words.as_bytes(),
        ReadOptions::default(),
        builder.unwrap(),
        |_| (),
    );
    assert!(matches!(read, Err(ReadError::Write(_))));
    let broken = io::BufReader::new(Broken);
    let builder = ListBuilder::new(Cursor::new(Vec::new()), || Err(io::Error::other("none")));
    let read = read_list(broken, ReadOptions::default(), builder.unwrap(), |_| ());
    assert!(matches!(read, Err(ReadError::Io(_))));
}

/// A file that cannot be read.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

#[test]
fn ascending_values_need_no_other_file() {
    let mut values: Vec<u64> = spread(5000).collect();
    values.sort_unstable();
    let mut builder = ListBuilder::with_chunk(
        Cursor::new(Vec::new()),
        || Err(io::Error::other("no other file")),
        100,
    )
    .unwrap();
    for value in values.iter().flat_map(|value| [*value, *value]) {
        builder.push(value).unwrap();
    }
    assert_eq!(builder.finish().unwrap().1, 5000);
}

#[test]
fn a_large_list_takes_less_than_its_values_and_few_others_are_taken_for_one_of_them() {
    let count = 200_000;
    let bytes = build(spread(count), 50_000);
    // 22.5 bits of 40, as 2^40 / 200000 has 22.4
    assert!(bytes.len() < 650_000, "{}", bytes.len());
    let list = List::open(bytes.as_slice()).unwrap();
    assert_eq!(list.values(), count);
    for value in spread(count).step_by(97) {
        assert!(list.contains(value).unwrap());
    }
    let others = (0..20_000).map(|number| fingerprint(&format!("other {number}")));
    let wrong = others
        .filter(|value| list.contains(*value).unwrap())
        .count();
    assert!(wrong <= 1, "{wrong}");
}

#[test]
fn y361_a_list_that_is_replaced_is_used_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached.list");
    let list_of = |text: &str| read(text.as_bytes(), ReadOptions::default()).unwrap().0;
    let put = |bytes: &[u8]| {
        let new = folder.path().join("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    assert!(BreachedPasswords::open(&path).is_err());
    let late = BreachedPasswords::at(&path);
    put(&list_of("first password"));
    let list = BreachedPasswords::open(&path).unwrap();
    assert!(list.contains(&password("first password")).unwrap());
    assert!(late.contains(&password("first password")).unwrap());
    assert!(!list.contains(&password("second password")).unwrap());

    put(&list_of("second password"));
    assert!(list.contains(&password("second password")).unwrap());
    assert!(!list.contains(&password("first password")).unwrap());

    put(b"no list at all");
    assert!(list.contains(&password("second password")).unwrap());
    assert!(BreachedPasswords::open(&path).is_err());
    fs::remove_file(&path).unwrap();
    assert!(list.contains(&password("second password")).unwrap());
    assert_eq!(list.count().unwrap(), 1);
    assert!(list.verify().is_ok());

    put(&list_of("third password"));
    assert!(list.contains(&password("third password")).unwrap());
}

#[test]
fn y361_a_block_that_is_damaged_in_place_gives_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached.list");
    let mut bytes = read(b"a password", ReadOptions::default()).unwrap().0;
    fs::write(&path, &bytes).unwrap();
    let list = BreachedPasswords::open(&path).unwrap();
    bytes[BLOCK + 20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let asked = list.contains(&password("a password"));
    assert!(matches!(asked, Err(ListError::Damaged)), "{asked:?}");
}

#[test]
fn what_is_no_file_is_no_list() {
    let folder = tempfile::tempdir().unwrap();
    let refused = BreachedPasswords::open(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("regular file"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_list_contains_what_was_put_in_and_nothing_else(
        values in proptest::collection::vec(prop_oneof![0_u64..5000, 0..1_u64 << 40], 1..4000),
        asked in proptest::collection::vec(prop_oneof![0_u64..5000, 0..1_u64 << 40], 50),
        chunk in 1_usize..3000,
    ) {
        let model: BTreeSet<u64> = values.iter().copied().collect();
        let bytes = build(values.iter().copied(), chunk);
        let list = List::open(bytes.as_slice()).unwrap();
        prop_assert_eq!(list.values(), model.len() as u64);
        prop_assert!(list.verify().is_ok());
        for value in asked.iter().chain(values.iter().take(50)) {
            prop_assert_eq!(list.contains(*value).unwrap(), model.contains(value), "{}", value);
        }
    }

    #[test]
    fn no_bytes_of_any_kind_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..9000), value in 0..1_u64 << 40
    ) {
        prop_assert!(List::open(bytes.as_slice()).is_err());
        if bytes.len() > 40 {
            let head = build([1], 1);
            bytes[..32].copy_from_slice(&head[..32]);
            if let Ok(list) = List::open(bytes.as_slice()) {
                let _ = (list.contains(value), list.verify());
            }
        }
    }

    #[test]
    fn no_text_makes_reading_a_list_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&text, ReadOptions::default());
    }
}
