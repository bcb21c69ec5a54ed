//! Walks on a block of digits: that of a keyboard, or that of a telephone, which begins with `1` at the top.

/// The rows, columns and diagonals of both blocks.
const LINES: [[u32; 3]; 8] = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [1, 4, 7],
    [2, 5, 8],
    [3, 6, 9],
    [1, 5, 9],
    [3, 5, 7],
];
/// The keys around the digits, and the space.
const SEPARATORS: [char; 8] = ['/', '*', '-', '+', '.', ',', '#', ' '];
/// The fewest digits of a walk: three lines.
const FEWEST_DIGITS: usize = 9;
/// At most one of so many digits is a `0`, which is in no line.
const DIGITS_PER_ZERO: usize = 4;

/// Checks for nothing but lines of three keys such as `147258369`, or steps from each key to one beside it. Keys may be
/// pressed several times, and the last line may be cut off.
pub(super) fn is_walk(text: &[char]) -> bool {
    let is_key = |c: &char| c.is_ascii_digit() || SEPARATORS.contains(c);
    if !text.iter().all(is_key) {
        return false;
    }
    let digits: Vec<u32> = text.iter().filter_map(|c| c.to_digit(10)).collect();
    let mut once = digits.clone();
    once.dedup();
    // `789987` is two lines, and `778899` one
    [digits, once].iter().any(|digits| {
        digits.len() >= FEWEST_DIGITS && (consists_of_lines(digits) || goes_to_neighbors(digits))
    })
}

fn consists_of_lines(digits: &[u32]) -> bool {
    let zeros = digits.iter().filter(|digit| **digit == 0).count();
    let mut parts = digits.split(|digit| *digit == 0).rev();
    let last = parts.next().unwrap_or_default();
    zeros * DIGITS_PER_ZERO <= digits.len()
        && last.chunks(3).all(begins_line)
        && parts.all(|part| part.len().is_multiple_of(3) && part.chunks(3).all(begins_line))
}

/// Checks for the first keys of a line, in either direction.
fn begins_line(keys: &[u32]) -> bool {
    LINES.iter().any(|[first, middle, last]| {
        [*first, *middle, *last].starts_with(keys) || [*last, *middle, *first].starts_with(keys)
    })
}

fn goes_to_neighbors(digits: &[u32]) -> bool {
    let are_neighbors = |pair: &[u32]| match pair {
        // below the first column of a keyboard's block, and the second of a telephone's
        [0, key] | [key, 0] => matches!(*key, 1 | 2 | 8),
        [one, other] => {
            let [(row, column), (to_row, to_column)] = [one, other].map(|key| place(*key));
            row.abs_diff(to_row) + column.abs_diff(to_column) == 1
        }
        _ => false,
    };
    digits.windows(2).all(are_neighbors)
}

/// Returns the row and the column of a key, but `0`.
fn place(key: u32) -> (u32, u32) {
    let number = key.saturating_sub(1);
    (number / 3, number % 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn walks_on_the_block_by_table() {
        for text in [
            "147258369147258",
            "147258369963852741",
            "789456123078945",
            "7894561230147258",
            "159357159357159",
            "147258369159357",
            "741852963159753",
            "0147025803690147",
            "147-258-369-159",
            "147/258*369-357+",
            "111222333666555444777888999",
            "778899445566112233",
            "123698745632147",
            "147896321456987",
            "258025802580258",
        ] {
            assert!(is_walk(&chars(text)), "{text}");
        }
        for text in [
            "",
            "147258",
            "839201756473829",
            "314159265358979",
            "31415926535897932384",
            "147258369 lantern",
            "147258369173",
            "147258369005800",
            "138279465138279",
            "0000000000000000",
            "2024-01-01 12:00",
            "--------------- ",
        ] {
            assert!(!is_walk(&chars(text)), "{text}");
        }
    }
}
