using System;
using System.Linq;
using System.Reflection;

namespace Hearth.Loader
{
    /// <summary>.NET's own stack traces without the frames of this program.</summary>
    public static class Traces
    {
        /// <summary>A fault of loading: the trace, or the sentence alone when this program tells it.</summary>
        public static string OfLoad(Exception fault)
        {
            var cause = Unwrap(fault);
            return cause is LoadFault ? cause.Message.TrimEnd('\n') + "\n" : Of(cause);
        }

        public static string Of(Exception fault)
        {
            var lines = Unwrap(fault).ToString().Split('\n');
            return string.Join("\n", lines.Where(line => !IsOwn(line))) + "\n";
        }

        /// <summary>What the function threw, out of what reflection and tasks wrap around it.</summary>
        public static Exception Unwrap(Exception fault)
        {
            while (true)
            {
                var many = fault as AggregateException;
                if (many != null && many.InnerExceptions.Count == 1) fault = many.InnerException;
                else if (fault is TargetInvocationException && fault.InnerException != null) fault = fault.InnerException;
                else return fault;
            }
        }

        private static bool IsOwn(string line)
        {
            var frame = line.TrimStart();
            return frame.StartsWith("at Hearth.Loader.", StringComparison.Ordinal)
                || frame.StartsWith("at (wrapper ", StringComparison.Ordinal)
                || frame.StartsWith("at System.Reflection.", StringComparison.Ordinal)
                || frame.StartsWith("at System.RuntimeMethodHandle.", StringComparison.Ordinal);
        }
    }
}
