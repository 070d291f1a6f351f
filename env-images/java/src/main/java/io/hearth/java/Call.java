package io.hearth.java;

import io.fission.Context;
import java.io.IOException;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.web.ErrorResponse;

/** One call: the request as Spring's RequestEntity, the function's ResponseEntity as the answer. */
final class Call {

    private static final String PARAMETER = "X-Fission-Params-";

    private final LoadedFunction loaded;
    private final Request request;
    private final Response response;
    private final Callback callback;

    Call(LoadedFunction loaded, Request request, Response response, Callback callback) {
        this.loaded = loaded;
        this.request = request;
        this.response = response;
        this.callback = callback;
    }

    void run() {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(loaded.loader());
        try {
            ResponseEntity<?> answer = loaded.function().call(entity(), new Told(request.getHeaders()));
            new Answer(request, response).send(answer, callback);
        } catch (HttpMessageNotReadableException unreadable) {
            refuse(unreadable);
        } catch (Throwable fault) { // an Error of the function's must not end the thread that serves
            fail(fault);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private RequestEntity<?> entity() throws IOException {
        HttpHeaders headers = new HttpHeaders();
        for (HttpField field : request.getHeaders()) {
            headers.add(field.getName(), field.getValue() == null ? "" : field.getValue());
        }
        Object body = new RequestBody(request, headers, loaded.bodyType()).read();
        return new RequestEntity<>(body, headers, HttpMethod.valueOf(request.getMethod()), url());
    }

    private URI url() {
        HttpURI uri = request.getHttpURI();
        String authority = uri.getAuthority();
        return Uris.lenient("http://" + (authority == null || authority.isEmpty() ? "localhost" : authority) + uri.getPathQuery());
    }

    private void refuse(HttpMessageNotReadableException unreadable) {
        System.err.println(unreadable.getMessage());
        if (!response.isCommitted()) {
            response.reset();
            Instance.text(response, 400, "The body of the request cannot be read: " + unreadable.getMessage() + "\n", callback);
        } else {
            callback.failed(unreadable);
        }
    }

    private void fail(Throwable fault) {
        if (fault instanceof EofException) { // the client left; nothing is wrong with the function
            callback.failed(fault);
            return;
        }
        if (response.isCommitted()) {
            System.err.print(Traces.of(fault));
            callback.failed(fault);
            return;
        }
        response.reset();
        if (fault instanceof ErrorResponse chosen) {
            chosen.getHeaders().forEach((name, values) -> values.forEach(value -> response.getHeaders().add(name, value)));
            String detail = chosen.getBody().getDetail();
            Instance.text(response, chosen.getStatusCode().value(), detail == null ? "" : detail + "\n", callback);
            return;
        }
        System.err.print(Traces.of(fault));
        String id = request.getHeaders().get("X-Request-Id");
        Instance.text(response, 500, "The function failed: " + fault.getClass().getName() + ". Its log has the trace"
                + (id == null ? "" : ", request id " + id) + ".\n", callback);
    }

    /** The call's context as the platform's headers tell it. */
    private record Told(HttpFields headers) implements Context {

        @Override
        public String requestId() {
            return header("X-Request-Id");
        }

        @Override
        public String functionName() {
            return header("X-Fission-Function-Name");
        }

        @Override
        public String functionNamespace() {
            return header("X-Fission-Function-Namespace");
        }

        @Override
        public Map<String, String> pathParameters() {
            Map<String, String> found = new LinkedHashMap<>();
            for (HttpField field : headers) {
                if (field.getName().regionMatches(true, 0, PARAMETER, 0, PARAMETER.length())) {
                    found.put(field.getName().substring(PARAMETER.length()), field.getValue());
                }
            }
            return found;
        }

        private String header(String name) {
            String value = headers.get(name);
            return value == null ? "" : value;
        }
    }
}
