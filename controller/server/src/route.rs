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
use tonic_reflection::server::{v1, v1alpha};
use tower_service::Service;

use crate::service::Answers;

/// The services of the socket. tonic's own router would bring in a web framework.
pub(crate) struct Routes<H, R, O>
where
    H: Health,
    R: v1::ServerReflection,
    O: v1alpha::ServerReflection,
{
    pub(crate) control: ControlServer<Answers>,
    pub(crate) health: HealthServer<H>,
    pub(crate) reflection: v1::ServerReflectionServer<R>,
    /// For tools that know no other.
    pub(crate) older_reflection: v1alpha::ServerReflectionServer<O>,
}

impl<H, R, O> Clone for Routes<H, R, O>
where
    H: Health,
    R: v1::ServerReflection,
    O: v1alpha::ServerReflection,
{
    fn clone(&self) -> Self {
        Self {
            control: self.control.clone(),
            health: self.health.clone(),
            reflection: self.reflection.clone(),
            older_reflection: self.older_reflection.clone(),
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<H, R, O> Service<Request<Body>> for Routes<H, R, O>
where
    H: Health,
    R: v1::ServerReflection,
    O: v1alpha::ServerReflection,
{
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
            v1::ServerReflectionServer::<R>::NAME => self.reflection.call(request),
            v1alpha::ServerReflectionServer::<O>::NAME => self.older_reflection.call(request),
            other => {
                let unknown = Status::unimplemented(format!("there is no service {other:?} here"));
                Box::pin(async move { Ok(unknown.into_http()) })
            }
        }
    }
}
