//! The places of characters on keyboards.

/// A step from one key to another: rows down and columns to the right.
pub(super) type Step = (i8, i8);

/// A keyboard: rows from the top, each with the characters of its keys without and with Shift.
type Keyboard = [[&'static str; 2]; 4];

/// The keyboards of the United States, Germany and France, and the block of digits. Keys below each other are in one
/// column; `\0` stands for a key without a character of its own.
const KEYBOARDS: [Keyboard; 4] = [
    [
        ["`1234567890-=", "~!@#$%^&*()_+"],
        ["\0qwertyuiop[]\\", "\0\0\0\0\0\0\0\0\0\0\0{}|"],
        ["\0asdfghjkl;'", "\0\0\0\0\0\0\0\0\0\0:\""],
        ["\0zxcvbnm,./", "\0\0\0\0\0\0\0\0<>?"],
    ],
    [
        ["^1234567890\u{df}\u{b4}", "\u{b0}!\"\u{a7}$%&/()=?`"],
        ["\0qwertzuiop\u{fc}+", "\0\0\0\0\0\0\0\0\0\0\0\0*"],
        ["\0asdfghjkl\u{f6}\u{e4}#", "\0\0\0\0\0\0\0\0\0\0\0\0'"],
        ["<yxcvbnm,.-", ">\0\0\0\0\0\0\0;:_"],
    ],
    [
        [
            "\u{b2}&\u{e9}\"'(-\u{e8}_\u{e7}\u{e0})=",
            "\u{1}1234567890\u{b0}+",
        ],
        ["\0azertyuiop^$", "\0\0\0\0\0\0\0\0\0\0\0\u{a8}\u{a3}"],
        ["\0qsdfghjklm\u{f9}*", "\0\0\0\0\0\0\0\0\0\0\0%\u{b5}"],
        ["<wxcvbn,;:!", ">\0\0\0\0\0\0?./\u{a7}"],
    ],
    [["789", ""], ["456", ""], ["123", ""], ["0", ""]],
];

/// The number of keyboards.
pub(super) const COUNT: usize = KEYBOARDS.len();

/// Returns the step between two keys on each keyboard that has both.
pub(super) fn steps(from: char, to: char) -> [Option<Step>; COUNT] {
    KEYBOARDS.map(|keyboard| {
        let ((row, column), (to_row, to_column)) = (find(&keyboard, from)?, find(&keyboard, to)?);
        Some((to_row.checked_sub(row)?, to_column.checked_sub(column)?))
    })
}

fn find(keyboard: &Keyboard, wanted: char) -> Option<Step> {
    if wanted == '\0' {
        return None;
    }
    (0_i8..).zip(keyboard).find_map(|(row, lines)| {
        let column = |line: &&str| (0_i8..).zip(line.chars()).find(|(_, key)| *key == wanted);
        let (column, _) = lines.iter().find_map(column)?;
        Some((row, column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_and_without_shift_are_in_one_place() {
        let [american, german, french, block] = steps('1', '@');
        assert_eq!((american, german), (Some((0, 1)), None));
        assert_eq!((french, block), (None, None));
        assert_eq!(
            steps('q', 'a'),
            [Some((1, 0)), Some((1, 0)), Some((-1, 0)), None]
        );
        assert_eq!(steps('2', '"')[1], Some((0, 0)));
        assert_eq!(steps('7', '1')[3], Some((2, 0)));
        assert_eq!(steps('\0', '\0'), [None; COUNT]);
    }

    #[test]
    fn no_key_is_twice_on_a_keyboard() {
        for keyboard in KEYBOARDS {
            let lines = keyboard.iter().flatten().flat_map(|line| line.chars());
            let mut keys: Vec<char> = lines.filter(|key| *key > '\u{1}').collect();
            keys.sort_unstable();
            for pair in keys.windows(2) {
                assert_ne!(pair[0], pair[1]);
            }
        }
    }
}
