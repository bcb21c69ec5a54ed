//! Shrinks a failing script (delta debugging): removes commands, first many at once and then fewer, as long as it
//! still fails.

use crate::{
    command::Command,
    play::{Failure, Implementation, play},
};

pub(crate) async fn shrink<C: Implementation>(
    compared: &mut C,
    script: &[Command],
    first: Failure,
) -> (Vec<Command>, Failure) {
    let mut script: Vec<Command> = script.iter().take(first.step).cloned().collect();
    let mut failure = first;
    let mut length = script.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < script.len() {
            let left = script[..at].iter();
            let rest = script.iter().skip(at + length);
            let without: Vec<Command> = left.chain(rest).cloned().collect();
            match play(compared, &without).await {
                Err(still) if !without.is_empty() => {
                    (script, failure, shorter) = (without, still, true);
                }
                _ => at += length,
            }
        }
        if length > 1 {
            length = length.div_ceil(2);
        } else if !shorter {
            return (script, failure);
        }
    }
}
