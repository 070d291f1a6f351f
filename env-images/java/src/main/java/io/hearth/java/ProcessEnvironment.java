package io.hearth.java;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import sun.misc.Unsafe;

/**
 * Sets environment variables of the running process. Java itself only reads them, so both copies are changed: the map behind
 * System.getenv and ProcessBuilder.environment, and the C library's, which child processes inherit. Needs --add-opens for java.lang and
 * java.util (java.options has them).
 */
final class ProcessEnvironment {

    private ProcessEnvironment() {}

    static void set(Map<String, String> wanted) throws ReflectiveOperationException {
        if (wanted.isEmpty()) {
            return;
        }
        // The mutable map under System.getenv(); its own put checks the names and encodes.
        Class<?> type = Class.forName("java.lang.ProcessEnvironment");
        Field unmodifiable = type.getDeclaredField("theUnmodifiableEnvironment");
        unmodifiable.setAccessible(true);
        Field inner = Class.forName("java.util.Collections$UnmodifiableMap").getDeclaredField("m");
        inner.setAccessible(true);
        @SuppressWarnings("unchecked")
        Map<String, String> seen = (Map<String, String>) inner.get(unmodifiable.get(null));
        seen.putAll(wanted);
        inherit(seen);
    }

    /** Points the C library's {@code environ} at a block of its own. The old block stays: somebody may be reading it. */
    private static void inherit(Map<String, String> all) throws ReflectiveOperationException {
        Method lookUp = ClassLoader.class.getDeclaredMethod("findNative", ClassLoader.class, String.class);
        lookUp.setAccessible(true);
        long environ = (long) lookUp.invoke(null, null, "environ");
        if (environ == 0) {
            throw new NoSuchFieldException("the C library has no symbol environ");
        }
        Unsafe memory = memory();
        List<byte[]> entries = new ArrayList<>();
        all.forEach((name, value) -> entries.add((name + "=" + value + "\0").getBytes(StandardCharsets.UTF_8)));
        long block = memory.allocateMemory((entries.size() + 1L) * Long.BYTES);
        for (int i = 0; i < entries.size(); i++) {
            byte[] entry = entries.get(i);
            long text = memory.allocateMemory(entry.length);
            for (int k = 0; k < entry.length; k++) {
                memory.putByte(text + k, entry[k]);
            }
            memory.putAddress(block + (long) i * Long.BYTES, text);
        }
        memory.putAddress(block + (long) entries.size() * Long.BYTES, 0);
        memory.putAddress(environ, block);
    }

    private static Unsafe memory() throws ReflectiveOperationException {
        Field field = Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return (Unsafe) field.get(null);
    }
}
