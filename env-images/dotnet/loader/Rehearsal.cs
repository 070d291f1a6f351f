using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Hearth.Loader
{
    /// <summary>Compiles, loads and calls a small function before code comes, so that the first real ones find their code compiled.</summary>
    public static class Rehearsal
    {
        private const string Source = @"using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Fission.DotNet.Common;
public class Rehearsed {
    public string Name { get; set; }
    public async Task<object> Execute(FissionContext context, ILogger logger) {
        var text = await context.ContentAsString();
        var names = new List<string> { text }.Where(name => name != null).Select(name => $""{name}!"").ToList();
        Name = names.FirstOrDefault();
        return new { Name, Count = names.Count };
    }
}
";

        public static void Run(Output output, Platform platform)
        {
            var file = Path.Combine(Path.GetTempPath(), "rehearsal-" + Guid.NewGuid().ToString("N") + ".cs");
            try
            {
                File.WriteAllText(file, Source);
                var instance = new Instance(output, platform);
                instance.Handle(new Remembered("POST", "/v2/specialize", "{\"filepath\": \"" + file + "\", \"functionName\": \"\", \"env\": {}}"));
                instance.Handle(new Remembered("POST", "/?a=b", "text"));
            }
            catch (Exception fault)
            {
                // An instance that could not rehearse serves all the same, only its first call is slower.
                Console.Error.WriteLine("dotnet environment: the rehearsal failed: " + fault.Message);
                output.Finish();
            }
            finally
            {
                File.Delete(file);
            }
        }

        private sealed class Remembered : Exchange
        {
            private readonly string _method;
            private readonly string _url;
            private readonly Stream _body;
            private readonly Dictionary<string, string> _headers =
                new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { { "X-Request-Id", "r" } };

            public Remembered(string method, string url, string body)
            {
                _method = method;
                _url = url;
                _body = new MemoryStream(Encoding.UTF8.GetBytes(body));
            }

            public override string Method
            {
                get { return _method; }
            }

            public override string RawUrl
            {
                get { return _url; }
            }

            public override IDictionary<string, string> Headers
            {
                get { return _headers; }
            }

            public override Stream RequestBody
            {
                get { return _body; }
            }

            public override Stream Begin(int status, IEnumerable<KeyValuePair<string, string>> headers, long length)
            {
                foreach (var header in headers) _headers[header.Key] = header.Value;
                return new MemoryStream();
            }

            public override void End(bool broken)
            {
            }

            public override bool IsCallerGone(Exception fault)
            {
                return false;
            }
        }
    }
}
