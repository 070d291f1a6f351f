package io.hearth.java;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Type;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.springframework.core.ResolvableType;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.http.converter.GenericHttpMessageConverter;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.util.MultiValueMap;

/** The request's body as the function wants it: by its type parameter, else by the content type. */
final class RequestBody {

    private final Request request;
    private final HttpHeaders headers;
    private final Type wanted;

    RequestBody(Request request, HttpHeaders headers, Type wanted) {
        this.request = request;
        this.headers = headers;
        this.wanted = wanted;
    }

    /** Null when the request has no body, except for a stream. */
    Object read() throws IOException {
        Class<?> type = wanted == null ? Object.class : ResolvableType.forType(wanted).toClass();
        if (type == InputStream.class) {
            return Content.Source.asInputStream(request);
        }
        byte[] bytes = bytes();
        if (bytes.length == 0) {
            return null;
        }
        if (type == byte[].class) {
            return bytes;
        }
        if (type == String.class) {
            return new String(bytes, charset());
        }
        return wanted == null ? byContentType(bytes) : converted(bytes, wanted, type);
    }

    private Object byContentType(byte[] bytes) throws IOException {
        MediaType type = contentType();
        if (type == null) {
            return bytes;
        }
        if (isJson(type)) {
            return Converters.json().read(Object.class, null, new Message(bytes, headers));
        }
        if (isXml(type)) {
            return Converters.xml().read(Object.class, null, new Message(bytes, headers));
        }
        if (type.equalsTypeAndSubtype(MediaType.APPLICATION_FORM_URLENCODED)) {
            return Converters.forms().read(null, new Message(bytes, headers));
        }
        return type.getType().equals("text") ? new String(bytes, charset()) : bytes;
    }

    private Object converted(byte[] bytes, Type target, Class<?> targetClass) throws IOException {
        MediaType type = contentType();
        if (type != null && type.equalsTypeAndSubtype(MediaType.APPLICATION_FORM_URLENCODED)
                && targetClass.isAssignableFrom(MultiValueMap.class)) {
            return Converters.forms().read(null, new Message(bytes, headers));
        }
        GenericHttpMessageConverter<Object> converter = type != null && isXml(type) ? Converters.xml() : Converters.json();
        return converter.read(target, null, new Message(bytes, headers));
    }

    private byte[] bytes() throws IOException {
        long length = request.getLength();
        if (length == 0) {
            return new byte[0];
        }
        if (length > Integer.MAX_VALUE - 16) {
            throw new IOException("a body of " + length + " bytes does not fit into an array; take it as RequestEntity<InputStream>");
        }
        try (InputStream body = Content.Source.asInputStream(request)) {
            return length > 0 ? body.readNBytes((int) length) : body.readAllBytes();
        }
    }

    private MediaType contentType() {
        try {
            return headers.getContentType();
        } catch (InvalidMediaTypeException invalid) {
            throw new HttpMessageNotReadableException(invalid.getMessage(), invalid, new Message(new byte[0], headers));
        }
    }

    private Charset charset() {
        MediaType type = contentType();
        return type == null || type.getCharset() == null ? StandardCharsets.UTF_8 : type.getCharset();
    }

    private static boolean isJson(MediaType type) {
        return type.getSubtype().equals("json") || type.getSubtype().endsWith("+json");
    }

    private static boolean isXml(MediaType type) {
        return type.getSubtype().equals("xml") || type.getSubtype().endsWith("+xml");
    }

    private record Message(byte[] bytes, HttpHeaders headers) implements HttpInputMessage {

        @Override
        public InputStream getBody() {
            return new ByteArrayInputStream(bytes);
        }

        @Override
        public HttpHeaders getHeaders() {
            return headers;
        }
    }
}
