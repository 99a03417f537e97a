"""What a caller is told: a gRPC status and one line that says what, where and how to mend it."""

from __future__ import annotations

import grpc


class ApiError(Exception):
    """A refusal with a status of the public API; never a fault of the server."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def invalid(message: str) -> ApiError:
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(resource: str) -> ApiError:
    return ApiError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={resource}).")


def already_exists(resource: str) -> ApiError:
    return ApiError(grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={resource}).")


def failed_precondition(message: str) -> ApiError:
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message)


def unimplemented(feature: str) -> ApiError:
    return ApiError(
        grpc.StatusCode.UNIMPLEMENTED, f"{feature} is not served by the local cloud; leave it out or use a project."
    )


def denied(member: str, role: str, resource: str) -> ApiError:
    return ApiError(
        grpc.StatusCode.PERMISSION_DENIED,
        f"User not authorized to perform this action: grant {role} on {resource} to {member}.",
    )
