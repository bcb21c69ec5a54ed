//! Free text that people read: descriptions, reasons, names of clients.

/// Returns true if `c` shows nothing of its own or changes how the text around it is shown: a control or format
/// character, or a separator of lines or paragraphs (categories Cc, Cf, Zl and Zp of Unicode 16).
///
/// Free text may not contain such characters, since a text could look like another one or drive a terminal.
///
/// ```
/// use rolecall_core::is_unprintable;
///
/// for c in ['\n', '\u{1b}', '\u{200b}', '\u{2028}', '\u{202e}'] {
///     assert!(is_unprintable(c));
/// }
/// assert!(!"a b ä 山 🙂 \u{3000}".contains(is_unprintable));
/// ```
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
