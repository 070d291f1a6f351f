using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using Hearth;

/// <summary>What every language's conformance function answers; see env-images/README.md.</summary>
public class Conformance
{
    private static readonly byte[] Digits = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("0123456789", 6553)));

    public void Handle(Request request, Response response)
    {
        switch (request.Path)
        {
            case "/hello":
                Text(response, "hello\n");
                break;
            case "/echo":
                Echo(request, response);
                break;
            case "/unicode":
                Text(response, "grüß " + request.Query["name"] + " ✓\n");
                break;
            case "/status":
                response.Status = int.Parse(request.Query["code"]);
                response.SetHeader("X-Custom", "yes");
                Text(response, "status " + response.Status + "\n");
                break;
            case "/headers":
                response.SetHeader("Content-Type", "application/json");
                response.Write(Newtonsoft.Json.JsonConvert.SerializeObject(
                    request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value)));
                break;
            case "/stream":
                Stream(response, int.Parse(request.Query["n"]), int.Parse(request.Query["ms"]));
                break;
            case "/large":
                Large(response, long.Parse(request.Query["bytes"]));
                break;
            case "/count":
                Text(response, Count(request.Body));
                break;
            case "/throw":
                throw new InvalidOperationException("conformance-throw");
            case "/sleep":
                Thread.Sleep(int.Parse(request.Query["ms"]));
                Text(response, "slept\n");
                break;
            case "/forever":
                Thread.Sleep(Timeout.Infinite);
                break;
            case "/print":
                Console.WriteLine("out " + request.Query["text"]);
                Console.Error.WriteLine("err " + request.Query["text"]);
                Text(response, "printed\n");
                break;
            case "/env":
                var value = Environment.GetEnvironmentVariable(request.Query["name"]);
                response.Status = value == null ? 404 : 200;
                Text(response, value ?? "");
                break;
            default:
                response.Status = 404;
                break;
        }
    }

    private static void Text(Response response, string text)
    {
        response.SetHeader("Content-Type", "text/plain; charset=utf-8");
        response.Write(text);
    }

    private static void Echo(Request request, Response response)
    {
        var whole = new MemoryStream();
        request.Body.CopyTo(whole);
        response.SetHeader("X-Method", request.Method);
        if (request.Header("Content-Type") != "") response.SetHeader("Content-Type", request.Header("Content-Type"));
        whole.WriteTo(response.Body);
    }

    private static void Stream(Response response, int count, int pause)
    {
        response.SetHeader("Content-Type", "text/plain");
        for (var i = 0; i < count; i++)
        {
            if (i > 0) Thread.Sleep(pause);
            response.Write("chunk " + i + "\n");
        }
    }

    private static void Large(Response response, long bytes)
    {
        response.SetHeader("Content-Type", "application/octet-stream");
        var body = response.Body;
        for (var left = bytes; left > 0; left -= Digits.Length) body.Write(Digits, 0, (int)Math.Min(left, Digits.Length));
    }

    private static string Count(Stream body)
    {
        using (var digest = SHA256.Create())
        {
            var piece = new byte[65536];
            long length = 0;
            for (var read = body.Read(piece, 0, piece.Length); read > 0; read = body.Read(piece, 0, piece.Length))
            {
                digest.TransformBlock(piece, 0, read, null, 0);
                length += read;
            }
            digest.TransformFinalBlock(piece, 0, 0);
            return length + " " + BitConverter.ToString(digest.Hash).Replace("-", "").ToLowerInvariant() + "\n";
        }
    }
}
