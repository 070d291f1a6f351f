package io.hearth.java;

import java.net.URI;
import java.nio.charset.StandardCharsets;

/** URIs from what clients really send. */
final class Uris {

    private static final String PUNCTUATION = "-._~:/?@!$&'()*+,;=";

    private Uris() {}

    /** The URI; what java.net.URI refuses (a bare {@code |}, a lone percent sign) is percent-encoded first. */
    static URI lenient(String text) {
        try {
            return new URI(text);
        } catch (java.net.URISyntaxException refused) {
            return URI.create(encoded(text));
        }
    }

    private static String encoded(String text) {
        StringBuilder result = new StringBuilder(text.length() + 16);
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < bytes.length; i++) {
            char c = (char) (bytes[i] & 0xff);
            boolean escape = c == '%' && i + 2 < bytes.length && isHex(bytes[i + 1]) && isHex(bytes[i + 2]);
            if (escape || (c < 128 && (Character.isLetterOrDigit(c) || PUNCTUATION.indexOf(c) >= 0))) {
                result.append(c);
            } else {
                result.append(String.format("%%%02X", (int) c));
            }
        }
        return result.toString();
    }

    private static boolean isHex(byte value) {
        return Character.digit((char) value, 16) >= 0;
    }
}
