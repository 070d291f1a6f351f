package io.hearth.java;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.springframework.core.io.Resource;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.http.converter.HttpMessageNotWritableException;
import org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody;

/** Writes a ResponseEntity. Streams are sent as they come, everything else with its length. */
final class Answer {

    private static final int PIECE = 64 * 1024;
    private static final Set<String> OF_THE_CONNECTION = Set.of("connection", "keep-alive", "transfer-encoding", "upgrade");

    private final Request request;
    private final Response response;

    Answer(Request request, Response response) {
        this.request = request;
        this.response = response;
    }

    void send(ResponseEntity<?> answer, Callback callback) throws IOException {
        Object body = answer == null ? null : answer.getBody();
        if (answer != null) {
            response.setStatus(answer.getStatusCode().value());
            copyHeaders(answer.getHeaders());
        }
        if (body instanceof StreamingResponseBody streaming) {
            stream(streaming, callback);
        } else if (body instanceof InputStream stream) {
            stream(stream, callback);
        } else if (body instanceof Resource resource) {
            describe(resource);
            stream(resource.getInputStream(), callback);
        } else {
            whole(body, callback);
        }
    }

    private void copyHeaders(HttpHeaders headers) {
        HttpFields.Mutable fields = response.getHeaders();
        for (Map.Entry<String, List<String>> header : headers.entrySet()) {
            if (!OF_THE_CONNECTION.contains(header.getKey().toLowerCase(Locale.ROOT))) {
                header.getValue().forEach(value -> fields.add(new HttpField(header.getKey(), value)));
            }
        }
    }

    private void whole(Object body, Callback callback) throws IOException {
        byte[] bytes;
        if (body == null) {
            bytes = new byte[0];
        } else if (body instanceof byte[] given) {
            contentTypeUnlessSet(MediaType.APPLICATION_OCTET_STREAM_VALUE);
            bytes = given;
        } else if (body instanceof CharSequence text) {
            contentTypeUnlessSet("text/plain;charset=UTF-8");
            bytes = text.toString().getBytes(charset());
        } else {
            bytes = converted(body);
        }
        if (!request.getMethod().equals("HEAD") || !response.getHeaders().contains(HttpHeader.CONTENT_LENGTH)) {
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, bytes.length);
        }
        response.write(true, ByteBuffer.wrap(bytes), callback);
    }

    private byte[] converted(Object body) throws IOException {
        String set = response.getHeaders().get(HttpHeader.CONTENT_TYPE);
        MediaType type = set == null ? null : MediaType.parseMediaType(set);
        for (HttpMessageConverter<Object> converter : Converters.ofObjects()) {
            if (converter.canWrite(body.getClass(), type)) {
                Message message = new Message(new ByteArrayOutputStream(), new HttpHeaders());
                converter.write(body, type, message);
                contentTypeUnlessSet(String.valueOf(message.headers().getContentType()));
                return message.body().toByteArray();
            }
        }
        throw new HttpMessageNotWritableException("the function returned " + body.getClass().getName()
                + ", which cannot be written as " + (set == null ? "JSON" : set));
    }

    private void stream(StreamingResponseBody body, Callback callback) throws IOException {
        contentTypeUnlessSet(MediaType.APPLICATION_OCTET_STREAM_VALUE);
        OutputStream out = Response.asBufferedOutputStream(request, response);
        body.writeTo(out);
        out.close();
        callback.succeeded();
    }

    private void stream(InputStream body, Callback callback) throws IOException {
        contentTypeUnlessSet(MediaType.APPLICATION_OCTET_STREAM_VALUE);
        try (body; OutputStream out = Content.Sink.asOutputStream(response)) {
            byte[] piece = new byte[PIECE];
            for (int read = body.read(piece); read >= 0; read = body.read(piece)) {
                out.write(piece, 0, read);
            }
        }
        callback.succeeded();
    }

    private void describe(Resource resource) throws IOException {
        long length = resource.contentLength();
        if (length >= 0) {
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, length);
        }
    }

    private void contentTypeUnlessSet(String type) {
        if (!response.getHeaders().contains(HttpHeader.CONTENT_TYPE)) {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
        }
    }

    private Charset charset() {
        MediaType type = MediaType.parseMediaType(response.getHeaders().get(HttpHeader.CONTENT_TYPE));
        return type.getCharset() == null ? StandardCharsets.UTF_8 : type.getCharset();
    }

    private record Message(ByteArrayOutputStream body, HttpHeaders headers) implements HttpOutputMessage {

        @Override
        public OutputStream getBody() {
            return body;
        }

        @Override
        public HttpHeaders getHeaders() {
            return headers;
        }
    }
}
