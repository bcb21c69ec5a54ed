//! The responses that all endpoints share: to unauthenticated, unauthorized and malformed requests.

mod access;
mod input;
