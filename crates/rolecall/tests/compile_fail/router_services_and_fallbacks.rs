use rolecall::{Guard, GuardedMethods, GuardedRouter};

fn app(guard: Guard, plain: axum::Router) {
    let router = || GuardedRouter::<()>::new(guard.clone());
    router().route_service("/items", plain.clone());
    router().nest_service("/items", plain.clone());
    router().fallback(|| async { "items" });
    router().fallback_service(plain.clone());
    router().method_not_allowed_fallback(|| async { "items" });
}

fn methods(methods: GuardedMethods) {
    methods.clone().fallback(|| async { "items" });
    methods.clone().get_service(axum::Router::<()>::new());
    methods.options(|| async { "items" });
}

fn main() {}
