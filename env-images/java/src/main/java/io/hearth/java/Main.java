package io.hearth.java;

import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import sun.misc.Signal;

/**
 * One instance of the Java environment: serves on HEARTH_LISTEN, else on 0.0.0.0:8888. With {@code --once} it answers one health check of its
 * own and ends, which is how {@code prepare} records the classes that a start needs.
 */
public final class Main {

    private static final int MOST_THREADS = 512;
    private static final int KEPT_THREADS = 4;
    private static final long DRAIN_SECONDS = 90;
    // Kept here because the logging library holds loggers weakly and would forget the level.
    private static final Logger JETTY = Logger.getLogger("org.eclipse.jetty");

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (System.getenv("TMPDIR") != null) {
            System.setProperty("java.io.tmpdir", System.getenv("TMPDIR"));
        }
        System.setProperty("java.util.logging.SimpleFormatter.format", "%4$s %3$s: %5$s%6$s%n");
        JETTY.setLevel(Level.WARNING);
        Output output = Output.install("json".equals(System.getenv("HEARTH_LOG")));
        Rehearsal.run(output);
        Instance instance = new Instance(output);
        Server server = server(instance);
        Connector connector = Listen.connector(server, System.getenv("HEARTH_LISTEN"));
        server.addConnector(connector);
        // Before anything is answered, so that no early SIGTERM ends the process with the JVM's own exit code.
        Signal.handle(new Signal("TERM"), signal -> new Thread(() -> drain(connector, instance), "drain").start());
        try {
            server.start();
        } catch (Exception fault) {
            System.err.println("java environment: cannot listen on " + Listen.described() + ": " + rootMessage(fault));
            output.finish();
            System.exit(1);
        }
        if (List.of(arguments).contains("--once")) {
            Listen.askHealth(System.getenv("HEARTH_LISTEN"));
            drain(connector, instance);
        }
    }

    static Server server(Instance instance) {
        QueuedThreadPool threads = new QueuedThreadPool(MOST_THREADS, KEPT_THREADS);
        threads.setReservedThreads(0);
        threads.setName("call");
        Server server = new Server(threads);
        server.setHandler(instance);
        return server;
    }

    private static void drain(Connector connector, Instance instance) {
        connector.shutdown();
        boolean done = false;
        try {
            done = instance.awaitLastAnswer(drainSeconds());
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
        if (done) {
            Runtime.getRuntime().exit(0);
        }
        System.err.println("java environment: calls still run after HEARTH_DRAIN_SECONDS and are cut off");
        Runtime.getRuntime().halt(1);
    }

    private static long drainSeconds() {
        String set = System.getenv("HEARTH_DRAIN_SECONDS");
        return set == null || set.isEmpty() ? DRAIN_SECONDS : Long.parseLong(set);
    }

    private static String rootMessage(Throwable fault) {
        Throwable root = fault;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.toString() : root.getMessage();
    }
}
