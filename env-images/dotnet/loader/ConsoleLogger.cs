using System;

namespace Hearth.Loader
{
    /// <summary>The logger of Fission's .NET 8 environment: information to standard output, from warnings on to standard error.</summary>
    public sealed class ConsoleLogger : Fission.DotNet.Common.ILogger
    {
        public void LogInformation(string message)
        {
            Console.Out.WriteLine("Information: " + message);
        }

        public void LogDebug(string message)
        {
            Console.Out.WriteLine("Debug: " + message);
        }

        public void LogWarning(string message)
        {
            Console.Error.WriteLine("Warning: " + message);
        }

        public void LogError(string message)
        {
            Console.Error.WriteLine("Error: " + message);
        }

        public void LogCritical(string message)
        {
            Console.Error.WriteLine("Critical: " + message);
        }

        public void LogError(string message, Exception exception)
        {
            Console.Error.WriteLine("Error: " + message + "\n" + exception);
        }
    }
}
