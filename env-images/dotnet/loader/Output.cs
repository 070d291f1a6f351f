using System;
using System.IO;
using System.Text;
using System.Threading;

namespace Hearth.Loader
{
    /// <summary>Console.Out and Console.Error as log records; the request's id follows its tasks and threads.</summary>
    public sealed class Output
    {
        private static readonly AsyncLocal<Scope> Current = new AsyncLocal<Scope>();
        private readonly Scope _outside = new Scope("");
        private readonly Stream _log;

        private Output(Stream log)
        {
            _log = log;
        }

        public static Output Install(bool asRecords)
        {
            var utf8 = new UTF8Encoding(false);
            if (!asRecords)
            {
                Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true });
                Console.SetError(new StreamWriter(Console.OpenStandardError(), utf8) { AutoFlush = true });
                return new Output(null);
            }
            var output = new Output(Console.OpenStandardOutput());
            Console.SetOut(new LineWriter(output, "out"));
            Console.SetError(new LineWriter(output, "err"));
            return output;
        }

        public void Begin(string requestId)
        {
            Current.Value = new Scope(requestId);
        }

        /// <summary>Writes what the present request has left without an end of line.</summary>
        public void Finish()
        {
            if (_log == null) return;
            var scope = Current.Value ?? _outside;
            lock (scope)
            {
                Emit("out", scope, scope.Out);
                Emit("err", scope, scope.Err);
            }
        }

        private void Add(string stream, char value)
        {
            var scope = Current.Value ?? _outside;
            lock (scope) AddLocked(scope, stream, value);
        }

        private void Add(string stream, string text)
        {
            var scope = Current.Value ?? _outside;
            lock (scope)
            {
                foreach (var value in text) AddLocked(scope, stream, value);
            }
        }

        private void AddLocked(Scope scope, string stream, char value)
        {
            var line = stream == "out" ? scope.Out : scope.Err;
            if (value != '\n')
            {
                line.Append(value);
                return;
            }
            if (line.Length > 0 && line[line.Length - 1] == '\r') line.Length--;
            if (line.Length == 0) Record(stream, scope.RequestId, "");
            Emit(stream, scope, line);
        }

        private void Emit(string stream, Scope scope, StringBuilder line)
        {
            if (line.Length == 0) return;
            Record(stream, scope.RequestId, line.ToString());
            line.Clear();
        }

        private void Record(string stream, string requestId, string message)
        {
            var text = new StringBuilder("{\"hearth\":1,\"stream\":\"").Append(stream).Append("\",\"request_id\":");
            Quote(text, requestId);
            Quote(text.Append(",\"message\":"), message);
            var bytes = Encoding.UTF8.GetBytes(text.Append("}\n").ToString());
            lock (_log)
            {
                _log.Write(bytes, 0, bytes.Length);
                _log.Flush();
            }
        }

        private static void Quote(StringBuilder text, string value)
        {
            text.Append('"');
            foreach (var c in value)
            {
                if (c == '"' || c == '\\') text.Append('\\').Append(c);
                else if (c < ' ') text.Append("\\u").Append(((int)c).ToString("x4"));
                else text.Append(c);
            }
            text.Append('"');
        }

        private sealed class Scope
        {
            public readonly string RequestId;
            public readonly StringBuilder Out = new StringBuilder();
            public readonly StringBuilder Err = new StringBuilder();

            public Scope(string requestId)
            {
                RequestId = requestId;
            }
        }

        private sealed class LineWriter : TextWriter
        {
            private readonly Output _output;
            private readonly string _stream;

            public LineWriter(Output output, string stream)
            {
                _output = output;
                _stream = stream;
                NewLine = "\n";
            }

            public override Encoding Encoding
            {
                get { return Encoding.UTF8; }
            }

            public override void Write(char value)
            {
                _output.Add(_stream, value);
            }

            public override void Write(char[] buffer, int index, int count)
            {
                _output.Add(_stream, new string(buffer, index, count));
            }

            public override void Write(string value)
            {
                if (value != null) _output.Add(_stream, value);
            }

            public override void WriteLine(string value)
            {
                _output.Add(_stream, (value ?? "") + "\n");
            }
        }
    }
}
