//! Which service a call is for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use limekiln_proto::v1alpha1::control_server::ControlServer;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower_service::Service;

use crate::service::Answers;

/// The services of the socket. tonic's own router would bring in a web framework.
pub(crate) struct Routes<H: Health, R: ServerReflection> {
    pub(crate) control: ControlServer<Answers>,
    pub(crate) health: HealthServer<H>,
    pub(crate) reflection: ServerReflectionServer<R>,
}

impl<H: Health, R: ServerReflection> Clone for Routes<H, R> {
    fn clone(&self) -> Self {
        let Self { control, health, reflection } = self;
        Self { control: control.clone(), health: health.clone(), reflection: reflection.clone() }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<H: Health, R: ServerReflection> Service<Request<Body>> for Routes<H, R> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // None of them ever says no.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let service = request.uri().path().trim_start_matches('/').split('/').next();
        match service.unwrap_or_default() {
            ControlServer::<Answers>::NAME => self.control.call(request),
            HealthServer::<H>::NAME => self.health.call(request),
            ServerReflectionServer::<R>::NAME => self.reflection.call(request),
            other => {
                let unknown = Status::unimplemented(format!("there is no service {other:?} here"));
                Box::pin(async move { Ok(unknown.into_http()) })
            }
        }
    }
}
