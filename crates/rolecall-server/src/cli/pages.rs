//! Whole lists, read page by page.

use crate::error::ApiError;

/// Rows in one page.
const PAGE: i64 = 200;

/// Reads every row of a list. `read` returns at most so many rows after a position, which is empty at first;
/// `position` returns the position of a row.
pub(super) async fn read_all<T>(
    read: impl AsyncFn(&str, i64) -> Result<Vec<T>, ApiError>,
    position: impl Fn(&T) -> String,
) -> Result<Vec<T>, ApiError> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let after = rows.last().map_or_else(String::new, &position);
        let page = read(&after, PAGE).await?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(0);
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_row_is_read_once_for_any_length_of_the_last_page() {
        for count in [0, 1, 199, 200, 201, 400, 450] {
            let read = async |after: &str, limit: i64| {
                let first = after.parse::<i64>().map_or(0, |after| after + 1);
                Ok((first..count.min(first + limit)).collect())
            };
            let rows = read_all(read, ToString::to_string).await.unwrap();
            assert_eq!(rows, (0..count).collect::<Vec<i64>>());
        }
    }
}
