package io.hearth.java;

import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * System.out and System.err as log records. The request's id belongs to the thread of the call and to the threads started by it.
 */
final class Output {

    private static final InheritableThreadLocal<String> REQUEST = new InheritableThreadLocal<>();

    private final OutputStream log;
    private final Line out;
    private final Line err;

    private Output(OutputStream log) {
        this.log = log;
        this.out = new Line("out");
        this.err = new Line("err");
    }

    /** With {@code asRecords} the two streams become JSON lines on the process' own standard output. */
    static Output install(boolean asRecords) {
        Output output = new Output(asRecords ? new FileOutputStream(FileDescriptor.out) : null);
        if (asRecords) {
            System.setOut(new PrintStream(output.out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(output.err, true, StandardCharsets.UTF_8));
        }
        return output;
    }

    void begin(String requestId) {
        REQUEST.set(requestId);
    }

    /** Writes what the present thread has left without an end of line, and forgets its request. */
    void finish() {
        System.out.flush();
        System.err.flush();
        out.finish();
        err.finish();
        REQUEST.remove();
    }

    private void record(String stream, byte[] message) {
        if (log == null) {
            return;
        }
        String id = REQUEST.get();
        StringBuilder text = new StringBuilder(message.length + 80);
        text.append("{\"hearth\":1,\"stream\":\"").append(stream).append("\",\"request_id\":");
        quote(text, id == null ? "" : id);
        text.append(",\"message\":");
        quote(text, new String(message, StandardCharsets.UTF_8));
        text.append("}\n");
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        synchronized (log) {
            try {
                log.write(bytes);
            } catch (IOException nobodyReads) {
                // There is no other place left to tell it.
            }
        }
    }

    private static void quote(StringBuilder text, String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ') {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }

    /** Splits what each thread writes at line ends. */
    private final class Line extends OutputStream {

        private final String stream;
        private final ThreadLocal<ByteArrayOutputStream> started = ThreadLocal.withInitial(ByteArrayOutputStream::new);

        Line(String stream) {
            this.stream = stream;
        }

        @Override
        public void write(int value) {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            ByteArrayOutputStream line = started.get();
            int begin = offset;
            for (int i = offset; i < offset + length; i++) {
                if (bytes[i] == '\n') {
                    line.write(bytes, begin, i - begin);
                    emit(line);
                    begin = i + 1;
                }
            }
            line.write(bytes, begin, offset + length - begin);
        }

        void finish() {
            ByteArrayOutputStream line = started.get();
            if (line.size() > 0) {
                emit(line);
            }
        }

        private void emit(ByteArrayOutputStream line) {
            byte[] message = line.toByteArray();
            line.reset();
            boolean carriageReturn = message.length > 0 && message[message.length - 1] == '\r';
            record(stream, carriageReturn ? Arrays.copyOf(message, message.length - 1) : message);
        }
    }
}
