using System.Collections.Generic;
using System.IO;

namespace Hearth.Loader
{
    /// <summary>One request and its answer, as the server library at hand has them.</summary>
    public abstract class Exchange
    {
        public abstract string Method { get; }

        /// <summary>Path and query as they were sent.</summary>
        public abstract string RawUrl { get; }

        /// <summary>Names in any case; several values are joined by commas.</summary>
        public abstract IDictionary<string, string> Headers { get; }

        public abstract Stream RequestBody { get; }

        /// <summary>Sends status and headers. length is -1 when it is not known; the stream returned is unbuffered.</summary>
        public abstract Stream Begin(int status, IEnumerable<KeyValuePair<string, string>> headers, long length);

        /// <summary>Ends the answer; broken when it could not be completed, so that the caller sees no whole answer.</summary>
        public abstract void End(bool broken);

        /// <summary>Whether a failed write means no more than that the caller left.</summary>
        public abstract bool IsCallerGone(System.Exception fault);

        public string Header(string name)
        {
            string value;
            return Headers.TryGetValue(name, out value) ? value : "";
        }

        public string RawPath
        {
            get { return RawUrl.Split('?')[0]; }
        }

        public string RawQuery
        {
            get
            {
                var mark = RawUrl.IndexOf('?');
                return mark < 0 ? "" : RawUrl.Substring(mark + 1);
            }
        }
    }
}
