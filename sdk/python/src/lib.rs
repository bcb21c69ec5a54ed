//! The native part of the Python package `rolecall`: verifier, cache, rules and feed are those of the crate `rolecall`.

mod answer;
mod guard;
mod logs;
mod matrix;
mod principal;
mod rule;
mod testing;

use pyo3::prelude::*;

/// The native module; use the package `rolecall`.
#[pymodule(gil_used = false)]
fn _rolecall(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<answer::Answer>()?;
    module.add_class::<guard::Core>()?;
    module.add_class::<principal::Principal>()?;
    module.add_class::<rule::Rule>()?;
    module.add_class::<testing::TestIssuer>()?;
    module.add_class::<testing::ScriptedIssuer>()?;
    module.add_function(wrap_pyfunction!(logs::start_logs, module)?)?;
    module.add_function(wrap_pyfunction!(logs::next_log, module)?)?;
    module.add_function(wrap_pyfunction!(matrix::matrix, module)?)?;
    module.add_function(wrap_pyfunction!(matrix::check_matrix, module)?)?;
    Ok(())
}
