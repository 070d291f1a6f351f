package io.hearth.java;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** Java's own stack traces without the frames of this program. */
final class Traces {

    private static final String OWN = "io.hearth.java.";

    private Traces() {}

    /** A fault of loading: the trace, or the sentence alone when the fault is told by this program. */
    static String ofLoad(Throwable fault) {
        return fault instanceof LoadFault ? fault.getMessage() + "\n" : of(fault);
    }

    static String of(Throwable fault) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Throwable one = fault; one != null && seen.add(one); one = one.getCause()) {
            one.setStackTrace(withoutOwn(one.getStackTrace()));
        }
        StringWriter text = new StringWriter();
        fault.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    private static StackTraceElement[] withoutOwn(StackTraceElement[] frames) {
        int end = 0;
        while (end < frames.length && !frames[end].getClassName().startsWith(OWN)) {
            end++;
        }
        if (end == frames.length) {
            return frames;
        }
        while (end > 0 && isReflection(frames[end - 1].getClassName())) {
            end--;
        }
        return Arrays.copyOf(frames, end);
    }

    private static boolean isReflection(String name) {
        return name.startsWith("java.lang.reflect.") || name.startsWith("jdk.internal.reflect.")
                || name.equals("java.lang.Class") || name.equals("java.lang.ClassLoader");
    }
}
