package io.hearth.java;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** An instance as Jetty's handler: generic until code is loaded, the function's afterwards. */
final class Instance extends Handler.Abstract {

    private static final Map<String, Set<String>> PLATFORM = Map.of(
            "/healthz", Set.of("GET", "HEAD"), "/specialize", Set.of("POST"), "/v2/specialize", Set.of("POST"));

    private final Output output;
    private final AtomicBoolean taken = new AtomicBoolean();
    private final Object answered = new Object();
    private int running;
    private volatile boolean draining;
    private volatile LoadedFunction function;

    Instance(Output output) {
        this.output = output;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Callback last = afterBody(request, counted(callback));
        if (draining) {
            response.getHeaders().put(HttpHeader.CONNECTION, "close");
        }
        String path = request.getHttpURI().getPath();
        LoadedFunction loaded = function;
        boolean platform = isPlatform(request, path);
        if (loaded != null && !platform) {
            call(loaded, request, response, last);
        } else if (platform && path.equals("/healthz")) {
            text(response, 200, "ok\n", last);
        } else if (platform) {
            specialize(path, request, response, last);
        } else {
            text(response, 500, "Generic container: no requests supported\n", last);
        }
        return true;
    }

    /** Waits until what runs has been answered; false when some of it still runs after that many seconds. */
    boolean awaitLastAnswer(long seconds) throws InterruptedException {
        draining = true;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        synchronized (answered) {
            while (running > 0) {
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                if (left <= 0) {
                    return false;
                }
                answered.wait(left);
            }
        }
        return true;
    }

    private Callback counted(Callback callback) {
        synchronized (answered) {
            running++;
        }
        return Callback.from(callback, () -> {
            synchronized (answered) {
                running--;
                answered.notifyAll();
            }
        });
    }

    /** A caller may still be sending when it has been answered: the rest is read off, so that the connection stays usable. */
    private static Callback afterBody(Request request, Callback callback) {
        if (request.getHeaders().contains(HttpHeader.EXPECT)) {
            return callback;
        }
        return Callback.from(() -> Content.Source.consumeAll(request, callback), callback::failed);
    }

    private void call(LoadedFunction loaded, Request request, Response response, Callback callback) {
        String id = request.getHeaders().get("X-Request-Id");
        output.begin(id != null ? id : request.getHeaders().get("X-Fission-Request-ID"));
        try {
            new Call(loaded, request, response, callback).run();
        } finally {
            output.finish();
        }
    }

    private void specialize(String path, Request request, Response response, Callback callback) {
        Order order;
        try {
            order = path.equals("/specialize") ? Order.firstVersion()
                    : Order.read(Content.Source.asString(request, StandardCharsets.UTF_8));
        } catch (Exception fault) {
            text(response, 400, fault.getMessage() + "\n", callback);
            return;
        }
        if (!taken.compareAndSet(false, true)) {
            text(response, 400, "Not a generic container: code is loaded already\n", callback);
            return;
        }
        try {
            ProcessEnvironment.set(order.env());
            function = CodeLoader.load(order.filepath(), order.functionName());
            output.finish();
            text(response, 202, "", callback);
        } catch (Throwable fault) { // whatever the code throws while it loads is its author's to read
            String told = Traces.ofLoad(fault);
            System.err.print(told);
            output.finish();
            taken.set(false);
            text(response, 500, told, callback);
        }
    }

    /** Once code is loaded these are the platform's, unless the gateway passes on a caller's request. */
    private static boolean isPlatform(Request request, String path) {
        Set<String> methods = path == null ? null : PLATFORM.get(path);
        return methods != null && methods.contains(request.getMethod())
                && !request.getHeaders().contains("X-Fission-Function-Name");
    }

    static void text(Response response, int status, String body, Callback callback) {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, bytes.length);
        response.write(true, ByteBuffer.wrap(bytes), callback);
    }
}
